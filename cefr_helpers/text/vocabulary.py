"""The CEFR level of words, by the word lists of `cefrpy`."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from cefr_helpers.text import word_match
from cefr_helpers.text.function_words import is_function_word
from cefr_helpers.text.tokens import words_of

# Penn tags of words that carry grammar rather than content; they are never counted.
_FUNCTION_TAGS = frozenset(
    ("IN", "DT", "MD", "PRP", "PRP$", "CC", "WDT", "WP", "WP$", "WRB", "TO", "EX", "PDT", "CD", "UH", "RP")
)
_AUXILIARIES = frozenset(("be", "have", "do"))
FUNCTION_WORD = 0


@cache
def word_level(word: str) -> int | None:
    """Return the lowest level, 1 (A1) to 6 (C2), of the word or one of its headwords over all parts of speech.

    It is the lowest, because the average over parts of speech makes "in" or "book" hard words; 0 for a function word,
    and None for a word that is not listed.

    `cefrpy` lists some content words as prepositions, numerals or particles ("old", "day", "goalkeeper"), so that they
    count as function words here. The features of both level scorers depend on that; `content_level` corrects it.
    """
    word = word.lower()
    headwords = {word, *word_match.headwords(word)}
    entries = [_entries(form) for form in headwords]
    if _AUXILIARIES & headwords or any(_FUNCTION_TAGS & entry.keys() for entry in entries):
        return FUNCTION_WORD
    return min((level for entry in entries for level in entry.values()), default=None)


@cache
def content_level(word: str) -> int | None:
    """Return the lowest level, 1 (A1) to 6 (C2), of a content word; 0 for a word of a closed class, None if not listed.

    Function words are those of `function_words`, and words that `cefrpy` lists only as such.
    """
    word = word.lower()
    if is_function_word(word):
        return FUNCTION_WORD
    entries = [_entries(form) for form in {word, *word_match.headwords(word)}]
    content = [level for entry in entries for tag, level in entry.items() if tag not in _FUNCTION_TAGS]
    return min(content) if content else FUNCTION_WORD if any(entries) else None


def average_level(word: str) -> float | None:
    """Return the mean level, 1 to 6, of a form over its parts of speech, weighted by `cefrpy`; None if not listed."""
    if not _analyser().is_word_in_database(word):
        return None
    return float(_analyser().get_average_word_level_float(word))


def content_levels(sentences: Iterable[str], except_words: Sequence[str] | None = None) -> Iterator[list[int]]:
    """Return the levels of each sentence's listed content words; names and other unlisted words are left out.

    Args:
        except_words: the target word of each sentence, whose forms are not counted in that sentence.
    """
    sentences = list(sentences)
    targets = except_words if except_words is not None else [None] * len(sentences)
    for sentence, target in zip(sentences, targets, strict=True):
        excepted = word_match.forms(target) if target else frozenset()
        words = [word.removesuffix("'s") for word in words_of(sentence)]
        yield [level for word in words if word not in excepted and (level := content_level(word))]


@cache
def _analyser():
    from cefrpy import CEFRAnalyzer

    return CEFRAnalyzer()


def _entries(word: str) -> dict[str, int]:
    """Return part of speech (Penn tag) -> level."""
    if not _analyser().is_word_in_database(word):
        return {}
    found = _analyser().get_pos_level_dict_for_word(word)
    return {tag.name: int(level) for tag, level in found.items()}
