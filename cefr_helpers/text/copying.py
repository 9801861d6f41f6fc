"""How much of what is written was in the training sentences already."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cefr_helpers.data.banks import words_of

GRAM = 8


@dataclass(frozen=True)
class Seen:
    """What a model was trained on: its sentences and their 8-grams of words; case and punctuation do not count."""

    sentences: frozenset[tuple[str, ...]]
    grams: frozenset[tuple[str, ...]]


def index(training_sentences: Iterable[str]) -> Seen:
    """Index the training sentences once, to look up many others."""
    told = {tuple(words_of(sentence)) for sentence in training_sentences} - {()}
    return Seen(frozenset(told), frozenset(gram for words in told for gram in _grams(words)))


def is_copy(seen: Seen, sentences: Sequence[str | None]) -> list[bool]:
    """Whether each sentence is a training sentence, word for word; None is not."""
    return [sentence is not None and tuple(words_of(sentence)) in seen.sentences for sentence in sentences]


def gram_counts(seen: Seen, sentences: Sequence[str | None]) -> list[tuple[int, int]]:
    """Of each sentence, how many 8-grams it has and how many of them stand in training; (0, 0) below eight words."""
    counts = []
    for sentence in sentences:
        grams = list(_grams(tuple(words_of(sentence or ""))))
        counts.append((len(grams), sum(gram in seen.grams for gram in grams)))
    return counts


def _grams(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (words[start : start + GRAM] for start in range(len(words) - GRAM + 1))
