"""Cells of CSV files that no spreadsheet program takes for a formula."""

import re

# apostrophes of the text's own count too, or reading could not tell them from the one that is added
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def spreadsheet(value: object) -> object:
    """A CSV cell that no spreadsheet takes for a formula: an apostrophe comes before text that could begin one.

    The way of OWASP (https://owasp.org/www-community/attacks/CSV_Injection); a number is no formula.
    """
    live = isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{value}" if live else value


def from_spreadsheet(text: str) -> str:
    """The text that `spreadsheet` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
