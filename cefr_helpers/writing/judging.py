"""Judge candidates: with the gates of the evaluation, and for the choice with what readers' votes taught.

The choice also uses the level that the bank teaches; the human scale, which the report uses, plays no part in it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import number
from cefr_helpers.data import banks, word_lists
from cefr_helpers.data.banks import Bank
from cefr_helpers.evaluation import human_scale, level_scorers, summary
from cefr_helpers.text import grammar, vocabulary, word_match
from cefr_helpers.text.tokens import words_of
from cefr_helpers.writing import sense

# In the order of checking; texts for people, after a number of candidates.
SHORT_REASONS = {
    "not_one_sentence": "not one whole sentence",
    "word_not_used": "without the word",
    "mistake": "with a mistake",
    "copied": "copied from the bank",
    "level": "not of the level",
    "unknown_words": "with words that are not known",
    "repeats": "nearly the same as a better one",
    "refused": "refused by the judge model",
}
_LABELLED = re.compile(r"\w+( \d+)?:")  # "Question 1: ..."
# Penalties for the choice, in log-odds; docs/lab_log.md says how they were chosen.
_ODD = 0.4  # unusual words or forms
_LEVEL = 1.2  # per level of distance
_SEED = 0  # seed of the scorer's cross-validation, which is not used here


@dataclass(frozen=True)
class Candidate:
    """A judged candidate.

    Attributes:
        order: its position among the candidates of its word, from 0.
        reason, detail: why it is rejected, one of SHORT_REASONS; None if it is not.
        level_score: level by the bank's scorer, NaN if it is not a sentence. people_level: level on the human scale.
        printable: estimated probability that a reader would print it (`sense.log_odds`).
        score: score for the choice, in log-odds; higher is better.
    """

    word: str
    text: str
    order: int
    reason: str | None
    detail: str
    level_score: float
    people_level: float
    printable: float
    score: float


@dataclass(frozen=True)
class Judge:
    """Judges candidates.

    Attributes:
        words: see `level_words`.
        scorers: from `level_scorers.train`.
        sentences: these must not be copied.
        known: from `read_known`, or None.
    """

    level: str
    words: tuple[str, ...]
    scorers: level_scorers.LevelScorers | None
    sentences: tuple[str, ...]
    known: frozenset[str] | None = None

    @classmethod
    def of_bank(cls, bank: str, level: str, known: frozenset[str] | None) -> "Judge":
        """Return a judge with a level scorer trained on the banks, whose sentences must not be copied.

        Args:
            bank: the bank from which the level is learnt; the bundled one is used if it does not have two levels.

        Raises:
            InputError: the bank can't be read.
        """
        own = banks.read_all(banks.find(bank, level))
        named = _with_levels(own, level)
        scorers = level_scorers.train(level_scorers.sentences_of(named), _SEED, with_quality=False)
        # the user's own must not be copied, even where the bundled bank's give the levels
        listed = [of for one in (*named.values(), *own.values()) for of in one.sentences.values()]
        sentences = tuple(dict.fromkeys(sentence for of in listed for sentence in of))
        return cls(level, tuple(sorted(named[level].sentences)), scorers, sentences, known)

    @classmethod
    def of_training_words(cls, found: dict[str, Bank], rows: level_scorers.Sentences, level: str) -> "Judge":
        """Return a judge that knows only training words; a bank of one level has the bundled one's scale.

        Args:
            found: the banks of all levels.
            rows: the sentences of their training words.
        """
        taught = rows if len(found) > 1 else level_scorers.sentences_of(_with_levels(found, level))
        scorers = level_scorers.train(taught, _SEED, with_quality=False)
        words = {word for word, of in zip(rows.target_words, rows.levels, strict=True) if of == level}
        return cls(level, tuple(sorted(words)), scorers, tuple(dict.fromkeys(rows.sentences)))

    def judge(self, found: Sequence[tuple[str, int, str]]) -> list[Candidate]:
        """Judge candidates.

        Args:
            found: word, order and text of each.
        """
        if not found:
            return []
        words, texts = [[word] for word, _, _ in found], [f"1. {text}" for _, _, text in found]
        odds = sense.log_odds([text for _, _, text in found])  # before the gates, which use the same pass of the model
        slots = summary.measure({"tuned": texts}, words, self.level, self.scorers, self.sentences)
        return [self._judged(*row) for row in zip(found, slots.to_dict("records"), odds, strict=True)]

    def _judged(self, one: tuple[str, int, str], slot: dict, log_odds: float) -> Candidate:
        word, order, text = one
        reason, detail = self._wrong(word, text, slot)
        distance = abs(slot["level_score"] - number(self.level)) if slot["valid"] else 0.0
        score = log_odds - _LEVEL * distance - (0 if slot["fluent"] else _ODD)
        levels = float(slot["level_score"]), float(slot["human_level"])
        return Candidate(word, text, order, reason, detail, *levels, sense.probability(log_odds), score)

    def _wrong(self, word: str, text: str, slot: dict) -> tuple[str | None, str]:
        if not slot["valid"] or _LABELLED.match(text):
            return "not_one_sentence", ""
        if not slot["covered"]:
            return "word_not_used", ""
        if not slot["harper_clean"]:
            found = grammar.mistakes(text, "BRITISH")
            return "mistake", "; ".join(f"{words}: {message}" for _, words, message in found)
        if slot["copied"]:
            return "copied", ""
        if not slot["level_ok"]:
            return "level", f"reads as {human_scale.in_words(slot['level_score'])} by the bank"
        if self.known is not None and (strange := unknown_words(word, text, self.level, self.known)):
            return "unknown_words", ", ".join(strange)
        return None, ""


def level_words(bank: str, level: str) -> list[str]:
    """Return the words of a level's bank, with which `gaps.fits` compares; the bank is taken as by `Judge`.

    Raises:
        InputError: the bank can't be read.
    """
    return sorted(_with_levels(banks.read_all(banks.find(bank, level)), level)[level].sentences)


def read_known(path: Path) -> frozenset[str]:
    """Return all forms of the words that a class knows, from a word list.

    Raises:
        InputError: the file is not a word list; names file and line.
    """
    try:
        listed = word_lists.read(path).words
    except InputError as problem:
        raise InputError(f"known: {problem}") from None
    return frozenset(form for word in listed for part in word.split() for form in word_match.forms(part))


def unknown_words(word: str, text: str, level: str, known: frozenset[str]) -> list[str]:
    """Return the words of a sentence that are neither known, nor below the level, nor its own word, nor names."""
    start, end = word_match.place(word, text) or (0, 0)
    others = f"{text[:start]} {text[end:]}"
    capitals = {one.lower() for one in others.split()[1:] if one[:1].isupper()}
    found = []
    for one in words_of(others):
        one = one.removesuffix("'s")
        easy = vocabulary.word_level(one)
        if one in known or one.isdigit() or (easy is None and any(name.startswith(one) for name in capitals)):
            continue
        if easy is None or easy >= number(level):
            found.append(one)
    return list(dict.fromkeys(found))


def _with_levels(own: dict[str, Bank], level: str) -> dict[str, Bank]:
    """Return banks that give a scale of levels: these, or, if they have only one level, the bundled ones."""
    return own if len(own) > 1 else banks.read_all(banks.find("bundled", level))
