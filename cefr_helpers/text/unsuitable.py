"""Words that are not for a classroom, from a list that can be edited: `unsuitable_words.txt`, one word a line."""

from functools import cache
from importlib import resources

from cefr_helpers.text import word_match
from cefr_helpers.text.tokens import words_of

FILE = "unsuitable_words.txt"


def found_in(sentence: str, except_word: str | None = None) -> list[str]:
    """Return the words of a sentence that are forms of a listed word, in order.

    Args:
        except_word: the target word, whose forms do not count, because the user requested it.
    """
    excepted = word_match.forms(except_word) if except_word else frozenset()
    return [word for word in words_of(sentence) if word in _forms() and word not in excepted]


@cache
def _forms() -> frozenset[str]:
    text = resources.files("cefr_helpers.text").joinpath(FILE).read_text(encoding="utf-8")
    lines = (line.strip().lower() for line in text.splitlines())
    return frozenset().union(*(word_match.forms(word) for word in lines if word and not word.startswith("#")))
