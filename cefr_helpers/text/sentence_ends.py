"""Where sentences end: whether a text is one, with an end mark."""

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
