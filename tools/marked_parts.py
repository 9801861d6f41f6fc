"""Replace the generated part of a page that is otherwise written by hand: the text between two marks."""


def replace(text: str, start: str, end: str, part: str) -> str:
    """Return a page's text with `part` between the marks `start` and `end`, each of which occurs once."""
    before, rest = text.split(start)
    return f"{before}{start}\n{part}\n{end}{rest.split(end)[1]}"
