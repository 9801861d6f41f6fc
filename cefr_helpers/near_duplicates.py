"""Pairs of sentences that share nearly all their words, found exactly and without comparing all with all."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

# Near-duplicates are sentences whose sets of words have a Jaccard index (shared / all) of at least 4 / 5.
_SHARED, _ALL = 4, 5


def near_duplicates(
    sentences: Sequence[frozenset[str]], others: Sequence[frozenset[str]] | None = None
) -> Iterator[tuple[int, int]]:
    """Index pairs of near-duplicates, Jaccard index >= .8.

    Without `others`: pairs (i, j), i < j, inside `sentences`. With them: i in `sentences`, j in `others`.

    Two sets of n words can only reach .8 if they share one of their n - ceil(.8 n) + 1 rarest words, so only those are
    looked up (prefix filter; Bayardo, Ma and Srikant 2007, "Scaling up all pairs similarity search").
    """
    frequency = Counter(word for words in (*sentences, *(others or ())) for word in words)
    rank = {word: place for place, (word, _) in enumerate(sorted(frequency.items(), key=lambda item: item[::-1]))}
    index: dict[str, list[int]] = defaultdict(list)
    prefixes = [_rarest(words, rank.__getitem__) for words in sentences]
    if others is not None:
        for i, prefix in enumerate(prefixes):
            for word in prefix:
                index[word].append(i)
        for j, words in enumerate(others):
            yield from ((i, j) for i in _partners(words, _rarest(words, rank.__getitem__), index, sentences))
        return
    for j, (words, prefix) in enumerate(zip(sentences, prefixes, strict=True)):
        yield from ((i, j) for i in _partners(words, prefix, index, sentences))
        for word in prefix:
            index[word].append(j)


class Known:
    """Sentences that come one at a time, each looked up among those before it; as exact as `near_duplicates`."""

    def __init__(self):
        self._sentences: list[frozenset[str]] = []
        self._index: dict[str, list[int]] = defaultdict(list)

    def find(self, words: frozenset[str]) -> int | None:
        """The place, from 0 in the order of adding, of the first near-duplicate of `words`, or None."""
        return next(iter(_partners(words, _rarest(words, _long_first), self._index, self._sentences)), None)

    def add(self, words: frozenset[str]) -> None:
        """Know one more sentence."""
        for word in _rarest(words, _long_first):
            self._index[word].append(len(self._sentences))
        self._sentences.append(words)


def _long_first(word: str) -> tuple[int, str]:
    """An order that is known before the frequencies are: long words are rare as a rule."""
    return -len(word), word


def _rarest(words: frozenset[str], place: Callable[[str], Any]) -> list[str]:
    """The words of which a near-duplicate must share at least one: the first in any order that is the same for all."""
    needed = -(-len(words) * _SHARED // _ALL)
    return sorted(words, key=place)[: len(words) - needed + 1]


def _partners(
    words: frozenset[str], prefix: list[str], index: dict[str, list[int]], sentences: Sequence[frozenset[str]]
) -> list[int]:
    size = len(words)
    found = []
    for i in {i for word in prefix if word in index for i in index[word]}:
        other = sentences[i]
        both = size + len(other)
        # shared / (both - shared) >= 4 / 5, without a division; the smaller set bounds what can be shared
        if (_ALL + _SHARED) * min(size, len(other)) >= _SHARED * both:
            shared = len(words & other)
            if (_ALL + _SHARED) * shared >= _SHARED * both:
                found.append(i)
    return sorted(found)
