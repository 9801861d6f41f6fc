"""Find where sentences end: whether a text is one sentence, and splitting prose into sentences."""

import re

from cefr_helpers.text.tokens import words_of

_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”")
_END = re.compile(r"[.!?…]+[\"”’')\]]*$")
# A full stop in the middle ends a sentence; other marks do so unless a small letter follows ("Well... yes.").
_NEXT_SENTENCE = re.compile(r"(?<!\.)\.[’')\]]*\s|[.!?…]+[’')\]]*\s+(?![a-z])")
_ABBREVIATION = re.compile(
    r"\b(?:(?:[A-Za-z]\.)+|(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|Jr|Sr|vs|etc|approx|No|Inc|Ltd|Co|dept|Gen|Rev|Capt|Sgt)\.)"
)
_FEWEST_WORDS = 2
# An end mark, perhaps with closing quotes or brackets, before a capital, a number or an opening quote.
_BOUNDARY = re.compile(r"(?<=[.!?…])([\"”’')\]]*)\s+(?=[\"“‘'(\[]*[A-Z0-9])")
_OPEN_END = re.compile(r"[^.!?…:;\"”’')\]\s]\s*$")


def has_end_mark(text: str) -> bool:
    """Return whether a text ends as a sentence does; quotes and brackets may follow the mark."""
    return bool(_END.search(text.strip()))


def holds_several(text: str) -> bool:
    """Return whether a text contains more than one sentence; direct speech in double quotes is not split."""
    plain = _ABBREVIATION.sub("abbreviation", _QUOTED.sub("quoted", text.strip()))
    return bool(_NEXT_SENTENCE.search(plain))


def is_one_sentence(text: str) -> bool:
    """Return whether a text is one sentence with an end mark; direct speech in double quotes is not split."""
    return has_end_mark(text) and len(words_of(text)) >= _FEWEST_WORDS and not holds_several(text)


def split(text: str) -> list[str]:
    """Return the sentences of a text in order, with normalised white space.

    A line is one or more sentences. It continues on the next line only if it ends without a mark and the next line
    begins with a small letter, so that both prose and lists with one sentence per line are split correctly.
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
    """Return the sentences of one line; abbreviations are masked by the same number of letters, to keep positions."""
    masked = _ABBREVIATION.sub(lambda found: "x" * len(found[0]), line)
    ends = [boundary.end(1) for boundary in _BOUNDARY.finditer(masked)] + [len(line)]
    return [line[start:end].strip() for start, end in zip([0, *ends], ends, strict=False)]
