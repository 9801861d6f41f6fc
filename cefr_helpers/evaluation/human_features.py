"""The features of the human scale: those of `level_features`, some about rarer words, and the words themselves.

They are separate from `level_features`, so that scorers trained on a bank do not change.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from cefr_helpers.evaluation import level_features
from cefr_helpers.text import vocabulary, word_match

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_matrix

# Endings of learned words of Latin and Greek origin.
_LEARNED = re.compile(
    r"(?:tion|sion|ity|ism|ist|ance|ence|ment|ive|ous|ic|ical|al|ary|ory|ate|ify|ize|ise|ology|ography|able|ible)s?$"
)
_BE_OR_HAVE = frozenset(("am", "is", "are", "was", "were", "be", "been", "being", "'m", "'re")) | frozenset(
    ("have", "has", "had", "having", "'ve")
)
RARE = 4.5  # log10 of occurrences in a billion words: "bakery", "thunder"
_RARER = 3.5

LENGTH_FEATURES = (
    *("known_words", "longest_word", "most_syllables", "rarest_headword", "second_rarest_headword"),
    *("highest_average_level", "words_c2", "rarity_below_3"),
)
FREE_FEATURES = (
    *("mean_content_zipf", "mean_average_level", "rare_headwords", "rarer_headwords", "learned_ending_rate"),
    *("name_rate", "known_rate", "before_verb_share", "verb_rate", "preposition_start"),
)
FEATURES = (*level_features.FEATURES, *LENGTH_FEATURES, *FREE_FEATURES)
FREE_OF_LENGTH = (*level_features.FREE_FEATURES, *FREE_FEATURES)

LENGTH = frozenset(
    ("words", "log_words", "characters", "syllables", "flesch_kincaid", "automated_readability", "known_words")
)
VOCABULARY = frozenset(
    (
        *("rarest_zipf", "highest_level", "words_above_b1", "characters_a_word", "syllables_a_word", "mean_zipf"),
        *("sd_zipf", "share_zipf_below_5", "mean_level", "share_a1", "share_above_a2", "share_above_b1"),
        *("share_above_b2", "share_unlisted", "nominal_rate", "hyphen_rate", "number_rate"),
        *LENGTH_FEATURES[1:],
        *FREE_FEATURES[:7],
    )
)


class _Entry(NamedTuple):
    """The word lists' entry for a lower-case word.

    Attributes:
        headword_zipf: log10 of occurrences in a billion words, of its most frequent headword or itself.
        average_level: 1 to 6, mean over parts of speech; the lowest of its headwords; None if no list has it.
        parts_of_speech: those that it can be a form of, with the names of Universal Dependencies.
    """

    headword_zipf: float
    average_level: float | None
    parts_of_speech: frozenset[str]


def matrix(sentences: Sequence[str]) -> "np.ndarray":
    """Return the features of each sentence, float64, shape (sentences, len(FEATURES)); all 0 without a word."""
    import numpy as np

    rows = [_row(level_features.take_apart(sentence)) for sentence in sentences]
    return np.array(rows, dtype=float).reshape(len(rows), len(FEATURES))


def letter_groups(sentences: Sequence[str], size: int, norm: str) -> "csr_matrix":
    """Return the hashed groups of three to five letters in each sentence's content words; shape (sentences, size).

    They represent the words: "photosynthesis" shares most of its groups with "photosynthetic". Names, numbers and
    function words are left out.

    Args:
        size: the number of columns into which they are hashed.
        norm: "l1" for shares that do not grow with the sentence, "l2" for a row of length 1.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    texts = [" ".join(word.text for word in _content(level_features.take_apart(one))) for one in sentences]
    vectoriser = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=size, norm=norm)
    return vectoriser.transform(texts)


def has_english(sentence: str) -> bool:
    """Return whether the list of levels has any of its words; otherwise it is not English, or only a name."""
    return any(word.level is not None for word in level_features.take_apart(sentence).known)


def rare_words(sentence: str, most: int = 3) -> list[str]:
    """Return its content words whose headword has a frequency below RARE, the rarest first, each once."""
    found = {word.text: _entry(word.text).headword_zipf for word in _content(level_features.take_apart(sentence))}
    return sorted((word for word, zipf in found.items() if zipf < RARE), key=found.__getitem__)[:most]


def _row(sentence: level_features.Sentence) -> list[float]:
    if not sentence.words:
        return [0.0] * len(FEATURES)
    found = _rarity(sentence) | _verbs(sentence)
    return level_features.features_of(sentence) + [found[name] for name in LENGTH_FEATURES + FREE_FEATURES]


def _content(sentence: level_features.Sentence) -> list[level_features.Word]:
    # cefrpy also lists some nouns as prepositions or numerals ("photosynthesis"); a rare word is not a function word
    return [word for word in _listed(sentence) if word.level != vocabulary.FUNCTION_WORD or word.zipf < RARE]


def _listed(sentence: level_features.Sentence) -> list[level_features.Word]:
    """Return the words that any list has; the others are mostly foreign, or names at the beginning."""
    return [word for word in sentence.known if word.level is not None or word.zipf > 0]


def _rarity(sentence: level_features.Sentence) -> dict[str, float]:
    listed, content = _listed(sentence), _content(sentence)
    entries = [_entry(word.text) for word in content]
    zipfs = [word.zipf for word in content] or [7.0]
    headwords = sorted(entry.headword_zipf for entry in entries) or [7.0]
    averages = [entry.average_level for entry in entries if entry.average_level is not None] or [1.0]
    number = max(len(content), 1)
    return {
        "known_words": len(listed),
        "longest_word": max((len(word.text) for word in listed), default=0),
        "most_syllables": max((word.syllables for word in listed), default=0),
        "rarest_headword": headwords[0],
        "second_rarest_headword": headwords[min(1, len(headwords) - 1)],
        "highest_average_level": max(averages),
        "words_c2": sum(word.level == 6 for word in content),
        "rarity_below_3": sum(max(0.0, 3 - zipf) for zipf in zipfs),
        "mean_content_zipf": sum(zipfs) / len(zipfs),
        "mean_average_level": sum(averages) / len(averages),
        "rare_headwords": sum(max(0.0, RARE - zipf) for zipf in headwords) / number,
        "rarer_headwords": sum(max(0.0, _RARER - zipf) for zipf in headwords) / number,
        "learned_ending_rate": sum(len(w.text) > 5 and bool(_LEARNED.search(w.text)) for w in content) / number,
        "name_rate": sentence.names / sentence.words,
        "known_rate": len(listed) / sentence.words,
    }


def _verbs(sentence: level_features.Sentence) -> dict[str, float]:
    """Return the position of the first verb and the number of verbs, as far as words without context show."""
    words = [word for word in sentence.pieces if word]
    sure = [_surely_verb(word) for word in words]
    starts = [i for i, word in enumerate(words) if word.text in _BE_OR_HAVE or "VBD" in word.tags or _no_noun(word)]
    first = words[0].categories if words else frozenset()
    return {
        "before_verb_share": starts[0] / sentence.words if starts else 1.0,
        "verb_rate": sum(sure) / sentence.words,
        "preposition_start": float(not first.isdisjoint({"preposition", "formal_preposition"})),
    }


def _surely_verb(word: level_features.Word) -> bool:
    own = _entry(word.text).parts_of_speech
    return not word.tags.isdisjoint({"VBD", "VBG"}) or bool(word.tags and own.isdisjoint({"NOUN", "ADJ"}))


def _no_noun(word: level_features.Word) -> bool:
    return bool(word.tags) and "NOUN" not in _entry(word.text).parts_of_speech


@cache
def _entry(word: str) -> _Entry:
    from lemminflect import getAllLemmas
    from wordfreq import zipf_frequency

    headwords = {word, *word_match.headwords(word)}
    averages = [level for head in headwords if (level := vocabulary.average_level(head)) is not None]
    zipf = max(zipf_frequency(head, "en") for head in headwords)
    return _Entry(zipf, min(averages, default=None), frozenset(getAllLemmas(word)))
