"""Split a bank's words into training, development and test words over all levels together, so that nothing leaks."""

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
# For training; for choosing checkpoints and recipes; only reported. In texts for people, the last are test words.
PARTS = ("train", "dev", "eval")
PART_NAMES = {"train": "training", "dev": "development", "eval": "test"}
WORDS_PER_EXAMPLE = 10  # also the fewest words that a part needs
FEWEST_WORDS = WORDS_PER_EXAMPLE * len(PARTS)
# Part of the hash: raise it whenever the same banks and seed would be split differently.
_VERSION = 2

Entry = tuple[str, str]  # a level and a target word of its bank


@dataclass(frozen=True)
class Split:
    """The training, development and test words of each level.

    Attributes:
        policy: "words" (no word is in two parts) or "examples" (the older protocol: all parts draw from all words).
        held_out_share: the requested share of each level's words for the test.
        dev_share: the requested share for development.
        seed: the seed by which words are chosen.
        parts: name of a part, of PARTS -> level -> words.
        groups: number of groups of words that must stay together; largest_group: words in the largest.
        hash: version of this split, 16 hex digits; changes with any word, sentence or setting.
    """

    policy: str
    held_out_share: float
    dev_share: float
    seed: int
    parts: dict[str, dict[str, tuple[str, ...]]]
    groups: int
    largest_group: int
    hash: str

    def words(self, level: str, part: str) -> tuple[str, ...]:
        """Return the words that `part` ("train", "dev" or "eval") of a level draws from."""
        return self.parts[part][level]

    def summary(self) -> dict:
        """Return what the dataset record stores about the split."""
        kept = ("policy", "hash", "held_out_share", "dev_share")
        return {key: getattr(self, key) for key in kept}


def split_groups(banks: dict[str, Bank], policy: str, held_out_share: float, dev_share: float, seed: int) -> Split:
    """Split the words of all levels' banks.

    With "words", words that share a headword or a sentence, or have near-duplicate sentences, stay together, in any
    level. Groups come in an order that only the seed and their first word decide, so a new word moves few others.
    Each group becomes test words unless one of its levels has its share already, then development words likewise. So
    the test words do not depend on `dev_share`, except in a small bank, where `targets` ensures that each part has
    words.

    Raises:
        InputError: an unknown policy, a share that is not between 0 and 1, shares that leave nothing to train on, or
            an invalid seed.
    """
    if policy not in POLICIES:
        raise InputError(f"split: {policy!r} is not a policy; expected one of {', '.join(POLICIES)}")
    for name, share in (("held_out_share", held_out_share), ("dev_share", dev_share)):
        if not 0 < share < 1:
            raise InputError(f"{name}: {share!r}; expected a number between 0 and 1")
    if held_out_share + dev_share >= 1:
        raise InputError(
            f"held_out_share and dev_share: {held_out_share!r} and {dev_share!r}; expected less than 1 together"
        )
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise InputError(f"seed: {shown(seed)}; expected a whole number from 0 to 4294967295")
    words = {level: tuple(sorted(bank.sentences)) for level, bank in banks.items()}
    if policy == "examples":
        groups = [[(level, word)] for level, bank in banks.items() for word in bank.sentences]
        parts = dict.fromkeys(PARTS, words)
    else:
        groups = group_words(banks)
        part_of = _assign(groups, banks, held_out_share, dev_share, seed)
        parts = {
            part: {level: tuple(word for word in own if part_of[level, word] == part) for level, own in words.items()}
            for part in PARTS
        }
    version = _hash(banks, policy, held_out_share, dev_share, seed, parts)
    largest = max(map(len, groups), default=0)
    return Split(policy, held_out_share, dev_share, seed, parts, len(groups), largest, version)


def targets(words: int, held_out_share: float, dev_share: float) -> dict[str, int]:
    """Return how many of a level's words become "eval" and "dev" words.

    They follow the shares, but if the bank has enough words, no part gets fewer than an example needs.
    """
    test, dev = round(held_out_share * words), round(dev_share * words)
    if words < FEWEST_WORDS:
        return {"eval": test, "dev": dev}
    test = min(max(test, WORDS_PER_EXAMPLE), words - 2 * WORDS_PER_EXAMPLE)
    return {"eval": test, "dev": min(max(dev, WORDS_PER_EXAMPLE), words - test - WORDS_PER_EXAMPLE)}


def group_words(banks: dict[str, Bank]) -> list[list[Entry]]:
    """Return groups of words that must not be separated, by a shared headword, sentence or near-duplicate sentences.

    Groups are in the order of their first entry, on which the folds of the level scorer depend.
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
            # the same words in another order are a near-duplicate too, so the set represents the sentence
            joined.merge(entry, owners.setdefault(frozenset(words_of(sentence)), entry))
    sentences = list(owners)
    for i, j in near_duplicates(sentences):
        joined.merge(owners[sentences[i]], owners[sentences[j]])
    groups = defaultdict(list)
    for entry in entries:
        groups[joined[entry]].append(entry)
    return list(groups.values())


def _assign(
    groups: list[list[Entry]], banks: dict[str, Bank], held_out_share: float, dev_share: float, seed: int
) -> dict[Entry, str]:
    """Return each entry's part."""
    wanted = {level: targets(len(bank.sentences), held_out_share, dev_share) for level, bank in banks.items()}
    found = dict.fromkeys((entry for group in groups for entry in group), "train")
    left = sorted(groups, key=lambda group: _order(group, seed))
    for part in ("eval", "dev"):
        taken: Counter[str] = Counter()
        over = []
        for group in left:
            sizes = Counter(level for level, _ in group)
            if all(taken[level] + size <= wanted[level][part] for level, size in sizes.items()):
                taken += sizes
                found |= dict.fromkeys(group, part)
            else:
                over.append(group)
        left = over
    return found


def _order(group: list[Entry], seed: int) -> str:
    first = min(word for _, word in group)
    return hashlib.sha256(f"{seed}\n{first}".encode()).hexdigest()


def _hash(banks: dict[str, Bank], policy: str, held_out_share: float, dev_share: float, seed: int, parts: dict) -> str:
    sentences = {level: dict(sorted(bank.sentences.items())) for level, bank in sorted(banks.items())}
    kept = [sorted(parts[part].items()) for part in ("eval", "dev")]
    content = [_VERSION, policy, held_out_share, dev_share, seed, kept, sentences]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]
