"""Plan what to write: read the word list and check every setting, before a model is loaded."""

from dataclasses import dataclass, field
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import check_level
from cefr_helpers.data import word_lists
from cefr_helpers.writing import judging, steering

CANDIDATES = 24  # per word, before any is judged
ROUNDS = 3  # how many times CANDIDATES are sampled for a word that lacks sentences
MOST_SENTENCES = 10


@dataclass(frozen=True)
class Plan:
    """What to write.

    Attributes:
        name: the word list's name, for titles and tags.
        words: the words, in the order of the list.
        details: word -> the list's entries under "pos", "meaning" and "topic".
        sentences: number of sentences per word.
        candidates: number of candidates sampled per word at first; words that lack sentences get as many again, twice.
        known: all forms of the words that may be used besides easier ones; None allows any.
        seed: seed of the sampling.
        read_as: how the list was read, for people.
    """

    name: str
    words: tuple[str, ...]
    level: str
    sentences: int
    details: dict[str, dict[str, str]] = field(default_factory=dict)
    candidates: int = CANDIDATES
    known: frozenset[str] | None = None
    seed: int = 0
    read_as: tuple[str, ...] = ()

    def unsteerable(self) -> list[str]:
        """Return the words that can't be written out, so that sampling cannot be steered to use them."""
        return [word for word in self.words if not steering.written_forms(word)]


def read(words: Path, level: str, sentences: int, candidates: int, known: Path | None, seed: int) -> Plan:
    """Read the word list, and the list of known words if there is one.

    Raises:
        InputError: a list can't be read or is empty, or a setting is out of range; names file, line and value.
    """
    check_level(level)
    if not 1 <= sentences <= MOST_SENTENCES:
        raise InputError(f"sentences: {sentences}; expected 1 to {MOST_SENTENCES}")
    if candidates < sentences:
        raise InputError(f"candidates: {candidates} for {sentences} sentences per word; expected at least as many")
    listed = word_lists.read(words, level)
    vocabulary = None if known is None else judging.read_known(known)
    lines = tuple(listed.lines())
    return Plan(words.stem, listed.words, level, sentences, listed.details, candidates, vocabulary, seed, lines)
