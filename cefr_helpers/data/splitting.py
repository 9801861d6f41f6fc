"""Splitting a bank's words into training and held-out ones, over all levels together, so that nothing leaks."""

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.data.banks import Bank
from cefr_helpers.text import word_match
from cefr_helpers.text.near_duplicates import near_duplicates
from cefr_helpers.text.tokens import words_of

POLICIES = ("words", "examples")
# Part of the hash: to be raised whenever the same banks and seed would be split in another way.
_VERSION = 1

Entry = tuple[str, str]  # a level and a target word of its bank


@dataclass(frozen=True)
class Split:
    """Which words of each level are trained on and which are held out.

    Attributes:
        policy: "words" (held-out words are never trained on) or "examples" (the old protocol: both sides use all).
        held_out_share: the share of each level's words that was asked for.
        seed: what decides which words.
        train: level -> words; held_out: level -> words.
        groups: number of groups of words that must stay together; largest_group: words in the largest.
        hash: version of this split, 16 hex digits; changes with any word, sentence or setting.
    """

    policy: str
    held_out_share: float
    seed: int
    train: dict[str, tuple[str, ...]]
    held_out: dict[str, tuple[str, ...]]
    groups: int
    largest_group: int
    hash: str

    def words(self, level: str, part: str) -> tuple[str, ...]:
        """The words that `part` ("train" or "eval") of a level draws from."""
        return {"train": self.train, "eval": self.held_out}[part][level]

    def summary(self) -> dict:
        """What the dataset record keeps of the split."""
        return {"policy": self.policy, "hash": self.hash, "held_out_share": self.held_out_share}


def split_groups(banks: dict[str, Bank], policy: str, held_out_share: float, seed: int) -> Split:
    """Split the words of all levels' banks.

    With "words", words stay together that share a headword or a sentence, or own near-duplicate sentences, in any
    level. Groups come in an order that only the seed and their first word decide, so a word more moves few others;
    each is held out unless a level it touches has its share already.

    Raises:
        InputError: an unknown policy, a share that is not between 0 and 1, or no such seed.
    """
    if policy not in POLICIES:
        raise InputError(f"split: {policy!r} is not a policy; expected one of {', '.join(POLICIES)}")
    if not 0 < held_out_share < 1:
        raise InputError(f"held_out_share: {held_out_share!r}; expected a number between 0 and 1")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise InputError(f"seed: {shown(seed)}; expected a whole number from 0 to 4294967295")
    if policy == "examples":
        groups = [[(level, word)] for level, bank in banks.items() for word in bank.sentences]
        held_out = train = {level: tuple(sorted(bank.sentences)) for level, bank in banks.items()}
    else:
        groups = group_words(banks)
        chosen = _choose(groups, banks, held_out_share, seed)
        words = {level: sorted(bank.sentences) for level, bank in banks.items()}
        train = {level: tuple(word for word in words[level] if (level, word) not in chosen) for level in words}
        held_out = {level: tuple(word for word in words[level] if (level, word) in chosen) for level in words}
    version = _hash(banks, policy, held_out_share, seed, held_out)
    largest = max(map(len, groups), default=0)
    return Split(policy, held_out_share, seed, train, held_out, len(groups), largest, version)


def group_words(banks: dict[str, Bank]) -> list[list[Entry]]:
    """Words that must not be separated: joined by a headword, a sentence or near-duplicate sentences.

    Groups come in the order of their first entry, on which the folds of the level scorer depend.
    """
    from scipy.cluster.hierarchy import DisjointSet

    entries = sorted((level, word) for level, bank in banks.items() for word in bank.sentences)
    joined = DisjointSet(entries)
    by_headword: dict[str, Entry] = {}
    owners: dict[frozenset[str], Entry] = {}
    for entry in entries:
        level, word = entry
        for headword in word_match.lemmas(word):
            joined.merge(entry, by_headword.setdefault(headword, entry))
        for sentence in banks[level].sentences[word]:
            # the same words in another order are a near-duplicate as well, so the set stands for the sentence
            joined.merge(entry, owners.setdefault(frozenset(words_of(sentence)), entry))
    sentences = list(owners)
    for i, j in near_duplicates(sentences):
        joined.merge(owners[sentences[i]], owners[sentences[j]])
    groups = defaultdict(list)
    for entry in entries:
        groups[joined[entry]].append(entry)
    return list(groups.values())


def _choose(groups: list[list[Entry]], banks: dict[str, Bank], share: float, seed: int) -> set[Entry]:
    """The held-out entries."""
    target = {level: round(share * len(bank.sentences)) for level, bank in banks.items()}
    taken: Counter[str] = Counter()
    chosen: set[Entry] = set()
    for group in sorted(groups, key=lambda group: _order(group, seed)):
        sizes = Counter(level for level, _ in group)
        if all(taken[level] + size <= target[level] for level, size in sizes.items()):
            taken += sizes
            chosen |= set(group)
    return chosen


def _order(group: list[Entry], seed: int) -> str:
    first = min(word for _, word in group)
    return hashlib.sha256(f"{seed}\n{first}".encode()).hexdigest()


def _hash(banks: dict[str, Bank], policy: str, share: float, seed: int, held_out: dict[str, tuple[str, ...]]) -> str:
    sentences = {level: dict(sorted(bank.sentences.items())) for level, bank in sorted(banks.items())}
    content = [_VERSION, policy, share, seed, sorted(held_out.items()), sentences]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]
