"""Place a sentence bank on the human scale: does each level's file read as its level?"""

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.data.banks import Bank
from cefr_helpers.data.sentence_files import Labelled
from cefr_helpers.evaluation import human_scale

FURTHEST = 5  # sentences shown
MOST = 500  # maximum of sentences per level that `of_bank` scores, so that it takes a second or two for any bank


@dataclass(frozen=True)
class Placement:
    """The place of one level's sentences on the human scale.

    Attributes:
        level: the label of the sentences; None if they have none.
        sentences: number of scored sentences.
        of: number of all sentences; larger than `sentences` if a sample was scored or some have no English word.
        mean, sd: mean and standard deviation of the scores, A1 = 1 ... C1 = 5.
        within_one: the share at most one level from the label; None without a label.
        furthest: the (sentence, score) furthest from the label, or else from the mean, the furthest first.
    """

    level: str | None
    sentences: int
    of: int
    mean: float
    sd: float
    within_one: float | None
    furthest: tuple[tuple[str, float], ...]

    @property
    def reads_like(self) -> str:
        """The level nearest to the mean."""
        return human_scale.nearest(self.mean)

    def in_words(self) -> str:
        """Return the placement in words: "Your C1 sentences read like B2 (3.6); 48% are within one level of C1"."""
        read = f"read like {human_scale.in_words(self.mean)}"
        scored = f" ({self.sentences:,} of the {self.of:,} sentences were scored)" if self.sentences < self.of else ""
        if self.level is None:
            return f"Your sentences {read}{scored}."
        as_labelled = ", as they are labelled" if self.reads_like == self.level else ""
        within = f"{self.within_one:.0%} are within one level of {self.level}"
        return f"Your {self.level} sentences {read}{as_labelled}; {within}{scored}."

    def lines(self) -> list[str]:
        """Return `in_words` and the sentences furthest from the label, as lines for the terminal."""
        shown = [f"  {human_scale.in_words(score)}  {sentence}" for sentence, score in self.furthest]
        return [f"{self.in_words()} Furthest from it:", *shown]

    def as_dict(self) -> dict:
        """Return the placement for records and JSON."""
        return {
            "reads_like": self.reads_like,
            "sentences": self.sentences,
            "of": self.of,
            "mean": self.mean,
            "sd": self.sd,
            "within_one": self.within_one,
            "furthest": [{"sentence": sentence, "score": round(score, 4)} for sentence, score in self.furthest],
        }


def by_label(found: Iterable[Labelled]) -> list[Placement]:
    """Place the sentences of each label, in ascending order; each sentence counts once, unlabelled ones are ignored."""
    own: dict[str, dict[str, None]] = {level: {} for level in LEVELS}
    for sentence, label in found:
        if label is not None:
            own[label][sentence] = None
    placed = [place(level, sentences) for level, sentences in own.items()]
    return [one for one in placed if one]


def of_banks(banks: dict[str, Bank]) -> list[Placement]:
    """Place the banks of a run, by level."""
    return by_label(Labelled(sentence, level) for level, bank in banks.items() for sentence in _sentences(bank))


def of_bank(level: str | None, bank: Bank, seed: int, at_most: int = MOST) -> Placement | None:
    """Place a bank of one level, or of none; a larger one by `at_most` sentences that the seed draws."""
    sentences = _sentences(bank)
    if len(sentences) <= at_most:
        return place(level, dict.fromkeys(sentences))
    return place(level, random.Random(seed).sample(sentences, at_most), of=len(sentences))


def place(level: str | None, sentences: Iterable[str], of: int | None = None) -> Placement | None:
    """Place sentences that are labelled with one level, or not at all.

    Args:
        of: number of sentences they were drawn from; by default their own number.

    Returns:
        Their placement; None if none has an English word.

    Raises:
        InputError: no such level.
    """
    label = None if level is None else number(level)
    sentences = list(sentences)
    scores = human_scale.load().score(sentences).tolist()
    found = [(sentence, score) for sentence, score in zip(sentences, scores, strict=True) if not math.isnan(score)]
    if not found:
        return None
    known = [score for _, score in found]
    mean = sum(known) / len(known)
    middle = mean if label is None else label
    return Placement(
        level=level,
        sentences=len(known),
        of=len(sentences) if of is None else of,
        mean=mean,
        sd=math.sqrt(sum((score - mean) ** 2 for score in known) / len(known)),
        within_one=None if label is None else sum(abs(score - label) <= 1 for score in known) / len(known),
        furthest=tuple(sorted(found, key=lambda one: -abs(one[1] - middle))[:FURTHEST]),
    )


def _sentences(bank: Bank) -> list[str]:
    """Return the sentences of all words; a sentence under two words comes twice."""
    return [sentence for own in bank.sentences.values() for sentence in own]
