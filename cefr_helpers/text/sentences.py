"""From prose to sentences: by end marks, abbreviations aside."""

import re

ABBREVIATION = re.compile(
    r"\b(?:(?:[A-Za-z]\.)+|(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|Jr|Sr|vs|etc|approx|No|Inc|Ltd|Co|dept|Gen|Rev|Capt|Sgt)\.)"
)
# An end mark, perhaps with closing quotes or brackets, before a capital, a number or an opening quote.
_BOUNDARY = re.compile(r"(?<=[.!?…])([\"”’')\]]*)\s+(?=[\"“‘'(\[]*[A-Z0-9])")
_OPEN_END = re.compile(r"[^.!?…:;\"”’')\]\s]\s*$")


def split(text: str) -> list[str]:
    """The sentences of a text, in their order, white space made plain.

    A line is a sentence or several. It goes on in the next one only where it ends without a mark and the next begins
    with a small letter, so that both prose in lines and lists of one sentence a line are understood.
    """
    return [sentence for line in _whole_lines(text) for sentence in _of_line(" ".join(line.split()))]


def _whole_lines(text: str) -> list[str]:
    found: list[str] = []
    goes_on = False
    for line in text.splitlines():
        if goes_on and line.lstrip()[:1].islower():
            found[-1] += " " + line
        elif line.strip():
            found.append(line)
        goes_on = bool(_OPEN_END.search(line))
    return found


def _of_line(line: str) -> list[str]:
    """The sentences of one line; abbreviations are masked by as many letters, so that places stay."""
    masked = ABBREVIATION.sub(lambda found: "x" * len(found[0]), line)
    ends = [boundary.end(1) for boundary in _BOUNDARY.finditer(masked)] + [len(line)]
    return [line[start:end].strip() for start, end in zip([0, *ends], ends, strict=False)]
