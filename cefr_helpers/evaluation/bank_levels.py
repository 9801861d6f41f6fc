"""Where a sentence bank lies on the human scale: does each level's file read as its level?"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.data.banks import Bank
from cefr_helpers.data.sentence_files import Labelled
from cefr_helpers.evaluation import human_scale

FURTHEST = 5  # sentences shown


@dataclass(frozen=True)
class Placement:
    """Where the sentences of one level lie.

    Attributes:
        level: the label of the sentences.
        sentences: how many have a score.
        mean, sd: of their scores, A1 = 1 ... C1 = 5.
        within_one: the share at most one level from the label.
        furthest: the (sentence, score) furthest from the label, the furthest first.
    """

    level: str
    sentences: int
    mean: float
    sd: float
    within_one: float
    furthest: tuple[tuple[str, float], ...]

    @property
    def reads_like(self) -> str:
        """The level nearest to the mean."""
        return human_scale.nearest(self.mean)

    def in_words(self) -> str:
        """The placement as a sentence: "Your C1 sentences read like B2 (3.6); 48% are within one level of C1."."""
        as_labelled = ", as they are labelled" if self.reads_like == self.level else ""
        return (
            f"Your {self.level} sentences read like {human_scale.in_words(self.mean)}{as_labelled}; "
            f"{self.within_one:.0%} are within one level of {self.level}."
        )


def by_label(found: Iterable[Labelled]) -> list[Placement]:
    """`place` for the sentences of each label, ascending; each sentence counts once, those without a label do not."""
    own: dict[str, dict[str, None]] = {level: {} for level in LEVELS}
    for sentence, label in found:
        if label is not None:
            own[label][sentence] = None
    return [place(level, sentences) for level, sentences in own.items() if sentences]


def of_banks(banks: dict[str, Bank]) -> list[Placement]:
    """`by_label` for the banks of a run, by level."""
    return by_label(
        Labelled(sentence, level)
        for level, bank in banks.items()
        for own in bank.sentences.values()
        for sentence in own
    )


def place(level: str, sentences: Iterable[str]) -> Placement:
    """Place sentences that are labelled as of one level.

    Raises:
        InputError: no such level, or no sentence with a word.
    """
    label = number(level)
    sentences = list(sentences)
    scores = human_scale.load().score(sentences).tolist()
    found = [(sentence, score) for sentence, score in zip(sentences, scores, strict=True) if not math.isnan(score)]
    if not found:
        raise InputError(f"sentences of level {level}: none with a word; expected some to place")
    known = [score for _, score in found]
    mean = sum(known) / len(known)
    return Placement(
        level=level,
        sentences=len(known),
        mean=mean,
        sd=math.sqrt(sum((score - mean) ** 2 for score in known) / len(known)),
        within_one=sum(abs(score - label) <= 1 for score in known) / len(known),
        furthest=tuple(sorted(found, key=lambda one: -abs(one[1] - label))[:FURTHEST]),
    )
