"""Where sentences end: whether a text is one, and from prose to sentences."""

import re

from cefr_helpers.text.tokens import words_of

_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”")
_END = re.compile(r"[.!?…]+[\"”’')\]]*$")
# A full stop in the middle ends a sentence; other marks do where no small letter follows ("Well... yes.").
_NEXT_SENTENCE = re.compile(r"(?<!\.)\.[’')\]]*\s|[.!?…]+[’')\]]*\s+(?![a-z])")
_ABBREVIATION = re.compile(
    r"\b(?:(?:[A-Za-z]\.)+|(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|Jr|Sr|vs|etc|approx|No|Inc|Ltd|Co|dept|Gen|Rev|Capt|Sgt)\.)"
)
_FEWEST_WORDS = 2
# An end mark, perhaps with closing quotes or brackets, before a capital, a number or an opening quote.
_BOUNDARY = re.compile(r"(?<=[.!?…])([\"”’')\]]*)\s+(?=[\"“‘'(\[]*[A-Z0-9])")
_OPEN_END = re.compile(r"[^.!?…:;\"”’')\]\s]\s*$")


def has_end_mark(text: str) -> bool:
    """Whether a text ends as a sentence does; quotes and brackets may follow the mark."""
    return bool(_END.search(text.strip()))


def holds_several(text: str) -> bool:
    """Whether more than one sentence stands in a text; direct speech inside double quotes is not looked into."""
    plain = _ABBREVIATION.sub("abbreviation", _QUOTED.sub("quoted", text.strip()))
    return bool(_NEXT_SENTENCE.search(plain))


def is_one_sentence(text: str) -> bool:
    """Whether a text is one sentence with an end mark; direct speech inside double quotes is not looked into."""
    return has_end_mark(text) and len(words_of(text)) >= _FEWEST_WORDS and not holds_several(text)


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
    masked = _ABBREVIATION.sub(lambda found: "x" * len(found[0]), line)
    ends = [boundary.end(1) for boundary in _BOUNDARY.finditer(masked)] + [len(line)]
    return [line[start:end].strip() for start, end in zip([0, *ends], ends, strict=False)]
