"""Score the level of a sentence: an ordinal logit on the features of `level_features`.

There are two scorers: the full one, and a length-free twin that cannot rely on sentence length. Neither notices
shuffled words or wrong grammar, so use neither without a check of the grammar.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.evaluation import level_features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike
    from sklearn.pipeline import Pipeline

# A feature further from its mean than this many standard deviations is clipped there: training has no values beyond, so
# the line must not be extrapolated.
_FURTHEST = 4.0


@dataclass(frozen=True)
class LevelScorer:
    """A trained scorer.

    Attributes:
        levels: the levels it was trained on, ascending; scores are between the lowest and the highest of them.
        counts: number of training sentences of each level.
        features: the names of the f features it uses.
        above: classifiers of "not above" and "above" level i, with probabilities (sentences, 2), for i = 1 ... k - 1.
    """

    levels: tuple[str, ...]
    counts: tuple[int, ...]
    features: tuple[str, ...]
    above: "Pipeline"

    @property
    def length_free(self) -> bool:
        """Whether no feature depends on the number of words."""
        return not any(map(level_features.depends_on_length, self.features))

    def score(self, sentences: Sequence[str], target_words: Sequence[str] | None = None) -> "np.ndarray":
        """Return the expected level of each sentence, A1 = 1 ... C1 = 5, float64, shape (sentences,).

        A text without a word has no level and gets NaN; the caller must count it as a failure.

        Args:
            sentences: one sentence each.
            target_words: the target word of each sentence. Give them if training had them: target words are a level's
                hardest, and if they are not masked they raise a score by up to half a level.

        Raises:
            InputError: the numbers of target words and sentences differ.
        """
        return self.score_features(level_features.matrix(sentences, target_words))

    def score_features(self, matrix: "np.ndarray") -> "np.ndarray":
        """Return `score` for rows of `level_features.matrix`.

        The expected level is the lowest plus the steps up, each weighted with the probability that the sentence is
        above it, so the classifiers need not agree on an order (Frank and Hall 2001).
        """
        import numpy as np

        if not len(matrix):
            return np.empty(0)
        above = np.column_stack([two[:, 1] for two in self.above.predict_proba(_columns(matrix, self.features))])
        numbers = [number(level) for level in self.levels]
        scores = numbers[0] + above @ np.diff(numbers)
        return np.where(matrix.any(axis=1), scores, np.nan)

    def nearest(self, scores: "ArrayLike") -> "np.ndarray":
        """Return the number of the nearest level it was trained on, rounded half up; NaN for NaN."""
        import numpy as np

        numbers = np.array([number(level) for level in self.levels], dtype=float)
        found = numbers[np.searchsorted((numbers[1:] + numbers[:-1]) / 2, scores, side="right")]
        return np.where(np.isnan(scores), np.nan, found)


def fit(matrix: "np.ndarray", levels: Sequence[str], features: Sequence[str]) -> LevelScorer:
    """Train on sentences of known level; give it the training groups of a split only.

    Args:
        matrix: from `level_features.matrix`, with the target word of each sentence masked.
        levels: the level of each sentence, "A1" to "C1".
        features: the names of the features to use.

    Raises:
        InputError: a sentence without a level, an unknown level, or fewer than two levels.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    if len(levels) != len(matrix):
        raise InputError(f"levels: {len(levels)} for {len(matrix)} sentences; expected one per sentence")
    numbers = np.array([number(level) for level in levels])
    found, counts = np.unique(numbers, return_counts=True)
    if len(found) < 2:
        raise InputError(f"levels: sentences of {len(found)} level; a level scorer needs at least two levels")
    above = make_pipeline(
        StandardScaler(),
        FunctionTransformer(np.clip, kw_args={"a_min": -_FURTHEST, "a_max": _FURTHEST}),
        MultiOutputClassifier(LogisticRegression(max_iter=1000)),
    )
    above.fit(_columns(matrix, features), numbers[:, None] > found[:-1])
    levels_found = tuple(LEVELS[level - 1] for level in found)
    return LevelScorer(levels_found, tuple(counts.tolist()), tuple(features), above)


def _columns(matrix: "np.ndarray", features: Sequence[str]) -> "np.ndarray":
    return matrix[:, [level_features.FEATURES.index(name) for name in features]]
