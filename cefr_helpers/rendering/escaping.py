"""User text made safe: in Markdown (tables, HTML, mathematics, links), code blocks and LaTeX."""

import re
import unicodedata
from collections.abc import Iterable

_SPECIAL = {ord(character): f"&#{ord(character)};" for character in "&<>|`*[]\\$~#!@"}
_EMPHASIS = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # an underscore inside a word is only an underscore
_LINK_STARTS = re.compile(r"(?i)(www)\.|(:)(?=//)")
_PLAIN_CODE = re.compile(r"[\w./:+ ,=()-]+")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "—": "---",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


class Markdown(str):
    """Text that is Markdown already: a phrase of the catalogue, or a text of a user's that was escaped.

    What it is filled or joined with is escaped, unless that is Markdown too. All else that makes a string of it, such
    as `+` and f-strings, makes a plain one, which is escaped where a template shows it. So a step that is forgotten
    shows an escape too many, and lets no text of a user's act.
    """

    __slots__ = ()

    def format(self, *values: object, **named: object) -> "Markdown":
        """The text with its places filled.

        Raises:
            TypeError: a value is no text.
        """
        filled = {name: markdown(value) for name, value in named.items()}
        return Markdown(super().format(*(markdown(value) for value in values), **filled))

    def join(self, parts: Iterable[str]) -> "Markdown":
        """The parts with this text between them."""
        return Markdown(super().join(markdown(part) for part in parts))


def visible(text: str) -> str:
    """The text with control and direction characters (but line ends and tabs) shown as U+XXXX."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(character if _shows(character) else f"U+{ord(character):04X}" for character in text)


def _shows(character: str) -> bool:
    return character in "\n\t\u200d" or unicodedata.category(character) not in (
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
        "Zl",
        "Zp",
    )


def markdown(text: object) -> Markdown:
    """Text that Markdown shows as it is, on one line; also inside a table's cell. What is Markdown already stays.

    Raises:
        TypeError: it is no text, but a number, a date or None.
    """
    if isinstance(text, Markdown):
        return text
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is no text: write numbers and dates in a language first, and None as a word")
    line = " ".join(visible(text).split())
    line = _EMPHASIS.sub("&#95;", line.translate(_SPECIAL))
    return Markdown(_LINK_STARTS.sub(lambda found: "www&#46;" if found[1] else "&#58;", line))


def code(text: object) -> Markdown:
    """Inline code; also inside a table's cell."""
    line = " ".join(visible(str(text)).split())
    return Markdown(f"`{line}`" if _PLAIN_CODE.fullmatch(line) else f"<code>{markdown(line)}</code>")


def code_block(text: str, kind: str = "text") -> Markdown:
    """A fenced block that no run of backticks in the text can end."""
    text = visible(text)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markdown(f"{fence}{kind}\n{text}\n{fence}")


def latex(text: object) -> str:
    """Text for a LaTeX table's cell."""
    return "".join(_LATEX.get(character, character) for character in visible(str(text)))


def shortened(text: str, longest: int) -> str:
    """The text, its end cut and marked with an ellipsis where it is longer than `longest`."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def anchor(title: str) -> str:
    """The anchor that GitHub and JupyterLab give a heading: small letters, hyphens for blanks, no other marks."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
