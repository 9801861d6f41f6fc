"""Measure with n-grams how varied sentences are, and how much of them occurs in the training sentences."""

import gzip
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cefr_helpers.core.errors import InputError
from cefr_helpers.text.tokens import words_of

MEASURES = ("distinct_2", "self_bleu", "gzip_ratio")
_DRAWS = 10
_LONGEST_GRAM = 4
_NO_MATCH = 0.1
GRAM = 8


def measure(sentences: Sequence[str], number: int, seed: int) -> dict[str, float]:
    """Return the three measures of variety, as means over ten random choices of `number` sentences.

    Args:
        number: the same for all sets that are compared; at least 2.

    Returns:
        name -> value, the names being MEASURES.

    Raises:
        InputError: fewer than two sentences are to be taken, or more than there are.
    """
    chosen = choices(sentences, number, seed)
    measures = zip(MEASURES, (distinct_2, self_bleu, gzip_ratio), strict=True)
    return {name: float(np.mean([of(some) for some in chosen])) for name, of in measures}


def choices(sentences: Sequence[str], number: int, seed: int) -> list[list[str]]:
    """Return ten random choices of `number` sentences; one choice if that is all of them.

    Raises:
        InputError: fewer than two sentences are to be taken, or more than there are.
    """
    if not 2 <= number <= len(sentences):
        raise InputError(f"number: {number}; expected 2 to {len(sentences)}, the number of sentences there are")
    rng = np.random.default_rng(seed)
    draws = 1 if number == len(sentences) else _DRAWS
    return [[sentences[i] for i in np.sort(rng.choice(len(sentences), number, replace=False))] for _ in range(draws)]


def distinct_2(sentences: Iterable[str]) -> float:
    """Return the share of different pairs of neighbouring words (Li et al. 2016, arXiv 1510.03055); 1 is most varied.

    It is 0 if no sentence has two words.
    """
    pairs = [pair for words in map(words_of, sentences) for pair in zip(words, words[1:], strict=False)]
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def self_bleu(sentences: Sequence[str]) -> float:
    """Return the mean BLEU-4 of each sentence against all others (Zhu et al. 2018, arXiv 1802.01886); 0 is most varied.

    Orders without a match count as 0.1 matches (method 1 of Chen and Cherry 2014); a sentence shorter than four words
    has as many orders as words. The brevity penalty uses the other sentence that is nearest in length.
    """
    told = [words_of(sentence) for sentence in sentences]
    logs = np.zeros(len(told))
    for order in range(1, _LONGEST_GRAM + 1):
        counts = [Counter(zip(*(words[start:] for start in range(order)), strict=False)) for words in told]
        highest = _two_highest(counts)
        for i, own in enumerate(counts):
            if own:
                logs[i] += math.log(_precision(own, highest)) / min(_LONGEST_GRAM, len(told[i]))
    lengths = np.array([len(words) for words in told])
    scores = [math.exp(log) * _brevity(i, lengths) if lengths[i] else 0.0 for i, log in enumerate(logs)]
    return float(np.mean(scores))


def gzip_ratio(sentences: Iterable[str]) -> float:
    """Return bytes over gzipped bytes of the sentences, one per line (Shaib et al. 2024, arXiv 2403.00553).

    A higher ratio means more repetition. Short texts compress badly because of the header, so compare it with the
    gold's ratio.
    """
    text = "\n".join(sentences).encode()
    return len(text) / len(gzip.compress(text, compresslevel=9, mtime=0))


def _two_highest(counts: Sequence[Counter]) -> dict[tuple, tuple[int, int]]:
    """Return for each n-gram its two highest counts in one sentence, from which the others' counts follow."""
    highest: dict[tuple, tuple[int, int]] = {}
    for own in counts:
        for gram, count in own.items():
            first, second = highest.get(gram, (0, 0))
            highest[gram] = (count, first) if count > first else (first, max(second, count))
    return highest


def _precision(own: Counter, highest: dict[tuple, tuple[int, int]]) -> float:
    """Return the clipped n-gram precision against the other sentences."""
    matched = 0
    for gram, count in own.items():
        first, second = highest[gram]
        matched += min(count, second if count == first else first)
    return (matched or _NO_MATCH) / own.total()


def _brevity(i: int, lengths: np.ndarray) -> float:
    others = np.delete(lengths, i)
    nearest = min(others, key=lambda length: (abs(length - lengths[i]), length))
    return min(1.0, math.exp(1 - nearest / lengths[i]))


@dataclass(frozen=True)
class TrainingIndex:
    """An index of training sentences and their 8-grams of words; case and punctuation are ignored."""

    sentences: frozenset[tuple[str, ...]]
    grams: frozenset[tuple[str, ...]]


def index_training(training_sentences: Iterable[str]) -> TrainingIndex:
    """Return an index of the training sentences, to look up many others."""
    told = {tuple(words_of(sentence)) for sentence in training_sentences} - {()}
    return TrainingIndex(frozenset(told), frozenset(gram for words in told for gram in _grams(words)))


def is_copy(seen: TrainingIndex, sentences: Sequence[str | None]) -> list[bool]:
    """Return for each sentence whether it is a training sentence, word for word; None is not."""
    return [sentence is not None and tuple(words_of(sentence)) in seen.sentences for sentence in sentences]


def gram_counts(seen: TrainingIndex, sentences: Sequence[str | None]) -> list[tuple[int, int]]:
    """Return for each sentence how many 8-grams it has and how many occur in training; (0, 0) below eight words."""
    counts = []
    for sentence in sentences:
        grams = list(_grams(tuple(words_of(sentence or ""))))
        counts.append((len(grams), sum(gram in seen.grams for gram in grams)))
    return counts


def _grams(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (words[start : start + GRAM] for start in range(len(words) - GRAM + 1))
