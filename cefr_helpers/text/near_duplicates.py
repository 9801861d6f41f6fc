"""Find all pairs of sentences that share nearly all their words, exactly and without comparing every pair."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, combinations
from typing import Any

import numpy as np

# Near-duplicates are sentences whose sets of words have a Jaccard index (shared / all) of at least 4 / 5.
_SHARED, _ALL = 4, 5


def near_duplicates(
    sentences: Sequence[frozenset[str]], others: Sequence[frozenset[str]] | None = None
) -> list[tuple[int, int]]:
    """Return index pairs of near-duplicates (Jaccard index >= .8), in order.

    Without `others`: pairs (i, j), i < j, inside `sentences`. With them: i in `sentences`, j in `others`.

    Two sets of n words can only reach .8 if they share two of their n - ceil(.8 n) + 2 rarest words, so only sets with
    such a pair in common are compared (prefix filter; Bayardo, Ma and Srikant 2007, "Scaling up all pairs similarity
    search"; with two words instead of one: Wang, Li and Feng 2012, "Can we beat the prefix filtering?"). As a bank
    grows, more and more sentences share a given word, but few share a given pair of words.
    """
    everything = [*sentences, *(others or ())]
    rank = _ranks(everything)
    keys, owners = array("q"), array("q")
    for place, words in enumerate(everything):
        own = _keys(words, rank)
        keys.extend(own)
        owners.extend([place] * len(own))
    found: set[tuple[int, int]] = set()
    for group in _with_one_key(keys, owners):
        if others is None:
            pairs = combinations(group, 2)
        else:
            pairs = ((i, j) for i in group if i < len(sentences) for j in group if j >= len(sentences))
        found.update(pair for pair in pairs if pair not in found and _near(everything[pair[0]], everything[pair[1]]))
    return sorted((i, j if others is None else j - len(sentences)) for i, j in found)


class IncrementalIndex:
    """An index of sentences that come one at a time, each looked up among the earlier ones; exact."""

    def __init__(self):
        self._sentences: list[frozenset[str]] = []
        self._index: dict[str, list[int]] = defaultdict(list)

    def find(self, words: frozenset[str]) -> int | None:
        """Return the position, from 0 in order of adding, of the first near-duplicate of `words`, or None."""
        candidates = {i for word in _first(words, _long_first, 1) for i in self._index.get(word, ())}
        return next((i for i in sorted(candidates) if _near(words, self._sentences[i])), None)

    def add(self, words: frozenset[str]) -> None:
        """Add a sentence to the index."""
        for word in _first(words, _long_first, 1):
            self._index[word].append(len(self._sentences))
        self._sentences.append(words)


def _long_first(word: str) -> tuple[int, str]:
    """Return a sort key that needs no frequencies: long words are usually rare."""
    return -len(word), word


def _ranks(sentences: Sequence[frozenset[str]]) -> dict[str, int]:
    """Return the rank of each word, from the rarest to the most frequent."""
    frequency = Counter(chain.from_iterable(sentences))
    return {word: place for place, (word, _) in enumerate(sorted(frequency.items(), key=lambda item: item[::-1]))}


def _first(words: frozenset[str], place: Callable[[str], Any], shared: int) -> list[str]:
    """Return the words of which a near-duplicate must share some: the first ones in an order common to all."""
    needed = -(-len(words) * _SHARED // _ALL)
    return sorted(words, key=place)[: len(words) - needed + shared]


def _keys(words: frozenset[str], rank: dict[str, int]) -> list[int]:
    """Return the pairs of words of which a near-duplicate must share one, as numbers; a single word is its own pair."""
    ranks = [rank[word] for word in _first(words, rank.__getitem__, 2)]
    if len(ranks) == 1:
        ranks *= 2
    return [rarer * len(rank) + other for rarer, other in combinations(ranks, 2)]


def _with_one_key(keys: array, owners: array) -> Iterator[list[int]]:
    """Yield the owners of each key that has two or more, in order."""
    values = np.frombuffer(keys, np.int64) if keys else np.empty(0, np.int64)
    order = np.argsort(values, kind="stable")
    values, places = values[order], np.frombuffer(owners, np.int64)[order] if owners else order
    starts = np.flatnonzero(np.diff(values, prepend=-1))
    ends = np.append(starts[1:], len(values))
    several = ends - starts > 1
    for start, end in zip(starts[several], ends[several], strict=True):
        yield places[start:end].tolist()


def _near(words: frozenset[str], others: frozenset[str]) -> bool:
    both = len(words) + len(others)
    # shared / (both - shared) >= 4 / 5, without a division; the smaller set limits how many can be shared
    if (_ALL + _SHARED) * min(len(words), len(others)) < _SHARED * both:
        return False
    return (_ALL + _SHARED) * len(words & others) >= _SHARED * both
