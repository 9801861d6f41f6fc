"""Check which of a model's sentences a bank accepts: whole, with their word, at the level, correct, not repeated."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from cefr_helpers.core.errors import InputError, required
from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.core.paths import Workspace, resolve
from cefr_helpers.data import bank_formats
from cefr_helpers.data import banks as sentence_bank
from cefr_helpers.data.banks import Bank
from cefr_helpers.evaluation import level_scorers, parsing
from cefr_helpers.text import grammar, word_match
from cefr_helpers.text.near_duplicates import IncrementalIndex
from cefr_helpers.text.tokens import words_of

# In the order of checking, with the remark for the model that wrote the sentence.
REASONS = {
    "not_one_sentence": "is not one whole sentence",
    "word_not_used": "does not use the word",
    "repeats": "says nearly what another sentence of this bank says",
    "in_another_bank": "stands in another bank, or nearly so",
    "mistake": "has a mistake",
    "level": "is not of the level",
}
# Levels between a sentence's score and the level: stricter than the gate of Joint Success, because a bank teaches.
TOLERANCE = 1.0
_LONGEST = 500  # characters; longer than any example sentence
_SEED = 0  # seed of the scorer's cross-validation, which is not used here


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a sentence, one of REASONS, or None; `detail` is only for people."""

    reason: str | None
    detail: str = ""


@dataclass(frozen=True)
class ReferenceBanks:
    """The banks from which a level is learnt, and all sentences that a new bank must not repeat.

    Attributes:
        banks: level -> bank, including the requested level.
        others: name of a bank -> its sentences.
        passed_over: why files beside the new bank are not among them, for people.
    """

    banks: dict[str, Bank]
    others: dict[str, tuple[str, ...]]
    passed_over: tuple[str, ...]

    def lengths(self, level: str) -> tuple[int, int]:
        """Return the usual range of words per sentence of a level: the 10th and the 90th percentile."""
        counts = [len(words_of(sentence)) for own in self.banks[level].sentences.values() for sentence in own]
        tenths = quantiles(counts, n=10) if len(counts) > 1 else counts
        return round(tenths[0]), round(tenths[-1])


def read_reference_banks(bank: str, level: str, output: Path, workspace: Workspace) -> ReferenceBanks:
    """Read the named bank, the banks beside `output` (files with a level in their name) and the favourites.

    The level is learnt from the named bank if it has `level` and another one, or else from the bundled bank.

    Raises:
        InputError: one of them cannot be read.
    """
    files = {one: path for one, path in sentence_bank.find(bank, level).items() if path.resolve() != output.resolve()}
    named = sentence_bank.read_all(files)
    banks = named
    if level not in named or len(named) < 2:
        banks = sentence_bank.read_all(sentence_bank.find("bundled", level))
    others = {f"{one.name} ({level})": one for level, one in [*named.items(), *banks.items()]}
    found = {name: _all_sentences(one) for name, one in others.items()}
    passed_over = []
    for path in _beside(output):
        try:
            found |= {path.name: _all_sentences(sentence_bank.read(path))} if path not in files.values() else {}
        except InputError as error:  # such as a word list
            passed_over.append(str(error))
    for path in filter(lambda path: path.is_file(), map(workspace.favourites, LEVELS)):
        found[f"favourites {path.stem}"] = tuple(sentence for _, sentence in bank_formats.read_rows(path))
    return ReferenceBanks(banks, found, tuple(passed_over))


class SentenceFilter:
    """Judges sentences one by one, each compared with those that it has accepted before.

    Args:
        level: the requested level.
        teachers: from `read_reference_banks`.
    """

    def __init__(self, level: str, teachers: ReferenceBanks):
        self.level = level
        rows = level_scorers.sentences_of(teachers.banks)
        self.scorers = required(level_scorers.train(rows, _SEED, with_quality=False))
        self._others, self._other_names = IncrementalIndex(), []
        for name, sentences in teachers.others.items():
            for sentence in sentences:
                self._others.add(frozenset(words_of(sentence)))
                self._other_names.append((name, sentence))
        self.compared_with = list(teachers.others)
        self._kept = (IncrementalIndex(), IncrementalIndex())
        self._kept_sentences: list[str] = []

    def judge(self, word: str, sentence: str) -> Verdict:
        """Return what is wrong with the sentence; a sentence without faults counts as accepted from now on."""
        if not sentence.isprintable() or len(sentence) > _LONGEST or not parsing.is_one_sentence(sentence):
            return Verdict("not_one_sentence")
        if not word_match.matches(word, sentence):
            return Verdict("word_not_used")
        said = (frozenset(words_of(sentence)), parsing.masked(word, sentence))
        for known, words in zip(self._kept, said, strict=True):
            if (place := known.find(words)) is not None:
                return Verdict("repeats", self._kept_sentences[place])
        if (place := self._others.find(said[0])) is not None:
            return Verdict("in_another_bank", ": ".join(self._other_names[place]))
        if not grammar.clean([sentence])[0]:
            found = grammar.mistakes(sentence, "BRITISH")
            return Verdict("mistake", "; ".join(f"{words}: {message}" for _, words, message in found))
        verdict = self._level(word, sentence)
        if verdict.reason is None:
            for known, words in zip(self._kept, said, strict=True):
                known.add(words)
            self._kept_sentences.append(sentence)
        return verdict

    def _level(self, word: str, sentence: str) -> Verdict:
        score = self.scorers.full.score([sentence], [word])
        if abs(score[0] - number(self.level)) <= TOLERANCE:
            return Verdict(None)
        nearest = LEVELS[int(self.scorers.full.nearest(score)[0]) - 1]
        return Verdict("level", f"reads as {nearest} (level score {score[0]:.1f})")


def remark(verdict: Verdict) -> str:
    """Return the remark for the model that wrote a sentence; it reveals nothing of other banks."""
    said = REASONS[required(verdict.reason)]
    return f"{said}: {verdict.detail}" if verdict.reason == "level" else said


def _beside(output: Path) -> Iterable[Path]:
    """Return the banks in the folder of the new one, because they may be used together."""
    folder = resolve(output).parent
    found = sentence_bank.levels_in(folder).values() if folder.is_dir() else []
    return [path for paths in found for path in paths if path.resolve() != output.resolve()]


def _all_sentences(bank: Bank) -> tuple[str, ...]:
    return tuple(sentence for own in bank.sentences.values() for sentence in own)
