"""The level that people would give a sentence: a scale fitted to teachers' labels, shipped as coefficients.

It complements the scorer trained on a bank (`level_scorer`), which knows a level only as the bank's author meant it.
human_scale.json contains the coefficients, their source and their quality; tools/fit_human_scale.py fits them again.
Like that scorer, it notices neither shuffled words nor wrong grammar.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cefr_helpers.core.levels import LEVELS
from cefr_helpers.evaluation import human_features

if TYPE_CHECKING:
    import numpy as np

FILE = Path(__file__).with_name("human_scale.json")
# Training has no values beyond this many standard deviations, so the line must not be extrapolated there.
FURTHEST = 4.0


@dataclass(frozen=True)
class Explanation:
    """Why a sentence gets its score: `average` + `length` + `vocabulary` + `grammar` = `score`, in levels.

    Attributes:
        score: the level of the sentence, A1 = 1 ... C1 = 5; NaN without an English word, as are then the parts.
        average: the level of the average sentence that people labelled.
        length, vocabulary, grammar: how much each changes the score from the average sentence.
        rare_words: its rarest content words, at most three, the rarest first.
    """

    score: float
    average: float
    length: float
    vocabulary: float
    grammar: float
    rare_words: tuple[str, ...]


@dataclass(frozen=True)
class HumanScale:
    """A fitted scale: one linear score of f features and g hashed groups of letters, and k - 1 thresholds along it.

    The probability that a label is above level i is the logistic of the score minus `thresholds[i - 1]` (cumulative
    logits with one slope, McCullagh 1980; fitted as in Li and Lin 2007).

    Attributes:
        features: the names of the features it uses.
        means, scales, coefficients: (f,) mean and scale by which a feature is standardised, and its weight.
        letter_groups: (g,) weights of hashed groups of letters; letter_norm: how they are counted, "l1" or "l2";
            letter_mean: what they add to the average sentence of the fit.
        thresholds: (4,) thresholds of the linear score, in logits.
        raw_mean, mean, slope: parameters of the linear equating that undoes a regression's pull to the middle.
    """

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    letter_groups: tuple[float, ...]
    letter_norm: str
    letter_mean: float
    thresholds: tuple[float, ...]
    raw_mean: float
    mean: float
    slope: float

    def score(self, sentences: Sequence[str]) -> "np.ndarray":
        """Return the level of each sentence, A1 = 1 ... C1 = 5, float64, shape (sentences,); NaN without English words.

        No word is masked, because the people who labelled the sentences saw all words.
        """
        return self._scores(*self._parts(sentences))

    def explain(self, sentence: str) -> Explanation:
        """Return the sentence's score and what drives it."""
        return self.explain_all([sentence])[0]

    def explain_all(self, sentences: Sequence[str]) -> list[Explanation]:
        """Return `explain` for each sentence.

        The parts of the linear score are turned into levels by the slope between the average sentence and this one, so
        that they add up (the rescale rule of Shrikumar et al. 2017).
        """
        import numpy as np

        parts, has_words = self._parts(sentences)
        scores = self._scores(parts, has_words)
        average = float(self._equated(np.zeros(1))[0])
        line = parts.sum(axis=1)
        slopes = np.divide(scores - average, line, out=np.zeros_like(line), where=abs(line) > 1e-9)
        moved = (slopes[:, None] * parts).tolist()
        return [
            Explanation(score, average, length, words, grammar, tuple(human_features.rare_words(sentence)))
            for sentence, score, (length, words, grammar) in zip(sentences, scores.tolist(), moved, strict=True)
        ]

    @cached_property
    def _letter_weights(self) -> "np.ndarray":
        import numpy as np

        return np.array(self.letter_groups)

    def _parts(self, sentences: Sequence[str]) -> tuple["np.ndarray", "np.ndarray"]:
        """Return what length, vocabulary and grammar add to the linear score (logits), and which texts have words."""
        import numpy as np

        matrix = human_features.matrix(sentences)
        columns = [human_features.FEATURES.index(name) for name in self.features]
        standard = np.clip((matrix[:, columns] - self.means) / self.scales, -FURTHEST, FURTHEST)
        added = standard * self.coefficients
        own = [[kind(name) == part for name in self.features] for part in ("length", "vocabulary", "grammar")]
        parts = np.stack([added[:, chosen].sum(axis=1) for chosen in own], axis=1)
        if len(sentences):
            groups = human_features.letter_groups(sentences, len(self.letter_groups), self.letter_norm)
            parts[:, 1] += groups @ self._letter_weights - self.letter_mean
        return parts, np.array([human_features.has_english(one) for one in sentences], dtype=bool)

    def _scores(self, parts: "np.ndarray", has_words: "np.ndarray") -> "np.ndarray":
        import numpy as np

        return np.where(has_words, self._equated(parts.sum(axis=1)), np.nan)

    def _equated(self, line: "np.ndarray") -> "np.ndarray":
        """Return expected labels, stretched to the spread of people's labels (linear equating, Kolen and Brennan)."""
        import numpy as np
        from scipy.special import expit

        raw = 1 + expit(line[:, None] - self.thresholds).sum(axis=1)
        return np.clip(self.mean + self.slope * (raw - self.raw_mean), 1, len(LEVELS))


@cache
def load(length_free: bool = False) -> HumanScale:
    """Load the shipped scale, or its twin without features that grow with the number of words."""
    found = shipped()["scales"]["length_free" if length_free else "full"]
    fields: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in found.items()}
    return HumanScale(**fields)


def shipped() -> dict:
    """Return the content of human_scale.json: `source`, `licence`, `quality` and `scales`."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def kind(feature: str) -> str:
    """Return whether a feature is about length, vocabulary or grammar."""
    if feature in human_features.LENGTH:
        return "length"
    return "vocabulary" if feature in human_features.VOCABULARY else "grammar"


def in_words(score: float, digits: int = 1) -> str:
    """Return a score as its nearest level, rounded half up, with the score after it: "B1 (3.2)"."""
    return "no level" if math.isnan(score) else f"{nearest(score)} ({score:.{digits}f})"


def nearest(score: float) -> str:
    """Return the level nearest to a score from 1 to 5, rounded half up."""
    return LEVELS[math.floor(score + 0.5) - 1]
