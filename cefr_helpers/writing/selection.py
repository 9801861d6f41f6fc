"""Choose among candidates: the best of each word, varied over its sentences and over the whole list."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cefr_helpers.evaluation import parsing
from cefr_helpers.text import word_match
from cefr_helpers.text.near_duplicates import IncrementalIndex
from cefr_helpers.text.tokens import words_of
from cefr_helpers.writing.judging import Candidate

MOST_WITH_ONE_OPENING = 0.15  # of all sentences
# Penalties, in log-odds as the candidates' scores.
_SAME_OPENING = 0.8  # within a word
_OPENING = 3.0  # times the opening's share of the sentences chosen so far
_SAME_PLACE = 0.2  # the word in the same part of the sentence as in another of its sentences
_SAME_KIND = 0.1  # question or not, within a word


@dataclass(frozen=True)
class Choice:
    """The result of choosing.

    Attributes:
        chosen: word -> its sentences, best first; empty for words without one.
        runners_up: word -> further candidates that passed, best first.
        rejected: all others, each with its reason.
    """

    chosen: dict[str, tuple[Candidate, ...]]
    runners_up: dict[str, tuple[Candidate, ...]]
    rejected: tuple[Candidate, ...]

    def lacking(self, sentences: int) -> dict[str, int]:
        """Return word -> number of sentences it lacks, for words that lack any."""
        return {word: sentences - len(own) for word, own in self.chosen.items() if len(own) < sentences}


def choose(words: Sequence[str], candidates: Sequence[Candidate], sentences: int) -> Choice:
    """Choose up to `sentences` for each word: the first ones of all words, then the second ones, and so on.

    A near-duplicate of a chosen sentence, of any word, is never chosen. No opening is used by more than
    MOST_WITH_ONE_OPENING of all sentences as long as a word has another candidate.
    """
    pool = {word: [one for one in candidates if one.word == word and one.reason is None] for word in words}
    state = _Variety(max(1, int(MOST_WITH_ONE_OPENING * len(words) * sentences)))
    chosen: dict[str, list[Candidate]] = {word: [] for word in words}
    rejected = [one for one in candidates if one.reason is not None]
    for _ in range(sentences):
        for word in words:
            for one in [one for one in pool[word] if state.repeats(one)]:
                rejected.append(replace(one, reason="repeats"))
                pool[word].remove(one)
            if pool[word]:
                best = max(pool[word], key=lambda one: state.worth(one, chosen[one.word]))
                pool[word].remove(best)
                chosen[word].append(best)
                state.add(best)
    left = {word: tuple(sorted(pool[word], key=lambda one: -one.score)) for word in words}
    return Choice({word: tuple(own) for word, own in chosen.items()}, left, tuple(rejected))


class _Variety:
    """The sentences chosen so far, over the whole list."""

    def __init__(self, most: int):
        self._most = most
        self._openings: Counter[str] = Counter()
        self._known = (IncrementalIndex(), IncrementalIndex())

    def repeats(self, one: Candidate) -> bool:
        return any(known.find(words) is not None for known, words in zip(self._known, _said(one), strict=True))

    def worth(self, one: Candidate, own: Sequence[Candidate]) -> tuple[bool, float]:
        """Return whether its opening is below its limit, then its score minus penalties for repetition."""
        begins, total = opening(one.text), max(1, self._openings.total())
        lost = _OPENING * self._openings[begins] / total
        lost += _SAME_OPENING * any(opening(other.text) == begins for other in own)
        lost += _SAME_PLACE * any(place(other) == place(one) for other in own)
        lost += _SAME_KIND * any(is_question(other.text) == is_question(one.text) for other in own)
        return self._openings[begins] < self._most, one.score - lost

    def add(self, one: Candidate) -> None:
        self._openings[opening(one.text)] += 1
        for known, words in zip(self._known, _said(one), strict=True):
            known.add(words)


def opening(text: str) -> str:
    """Return the first word of a sentence in lower case."""
    return next(iter(words_of(text)), "")


def is_question(text: str) -> bool:
    """Return whether a sentence ends as a question."""
    return text.rstrip("\"'”’ ").endswith("?")


def uses_word(one: Candidate) -> bool:
    """Return whether a candidate uses its word, even if it is not a whole sentence."""
    return word_match.matches(one.word, one.text)


def place(one: Candidate) -> int:
    """Return where a sentence has its word: 0 in its first third, 1 in its middle, 2 at its end."""
    found = word_match.place(one.word, one.text)
    return min(2, 3 * found[0] // max(1, len(one.text))) if found else 0


def _said(one: Candidate) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(words_of(one.text)), parsing.masked(one.word, one.text)
