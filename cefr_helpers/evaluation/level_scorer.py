"""How hard a sentence reads, on the scale of the levels: an ordinal logit on the features of `level_features`.

Two scorers stand side by side: the full one, and a length-free twin that cannot live on sentence length alone. Neither
notices shuffled words or wrong grammar, so neither is to be read without a check of the grammar.
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

# A feature further from its mean than this many standard deviations counts as that far: what lies beyond was never
# seen in training, and a straight line must not be followed there.
_FURTHEST = 4.0


@dataclass(frozen=True)
class LevelScorer:
    """A trained scorer.

    Attributes:
        levels: the levels it was trained on, ascending; a score lies between the lowest and the highest of them.
        counts: sentences of each of them in training.
        features: the names of the f features it looks at.
        above: gives the probabilities of "not above" and "above" level i, (sentences, 2), for i = 1 ... k - 1.
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
        """The expected level of each sentence, A1 = 1 ... C1 = 5, float64, shape (sentences,).

        NaN for a text without a word, which has no level; the caller must count it as a failure.

        Args:
            sentences: one sentence each.
            target_words: the word that each was to use. To be given wherever training had them: target words are a
                level's hardest, and left unmasked they lift a score by up to half a level.

        Raises:
            InputError: not as many target words as sentences.
        """
        return self.score_features(level_features.matrix(sentences, target_words))

    def score_features(self, matrix: "np.ndarray") -> "np.ndarray":
        """`score`, from what `level_features.matrix` made.

        The expectation of a level is the lowest plus the steps up, each weighted with the probability that the
        sentence lies above it; so the classifiers need not agree on an order (Frank and Hall 2001).
        """
        import numpy as np

        if not len(matrix):
            return np.empty(0)
        above = np.column_stack([two[:, 1] for two in self.above.predict_proba(_columns(matrix, self.features))])
        numbers = [number(level) for level in self.levels]
        scores = numbers[0] + above @ np.diff(numbers)
        return np.where(matrix.any(axis=1), scores, np.nan)

    def nearest(self, scores: "ArrayLike") -> "np.ndarray":
        """The number of the nearest level among those it was trained on, NaN for NaN; half-way goes up."""
        import numpy as np

        numbers = np.array([number(level) for level in self.levels], dtype=float)
        found = numbers[np.searchsorted((numbers[1:] + numbers[:-1]) / 2, scores, side="right")]
        return np.where(np.isnan(scores), np.nan, found)


def fit(matrix: "np.ndarray", levels: Sequence[str], features: Sequence[str]) -> LevelScorer:
    """Train on sentences of known level; give it the training groups of a split only.

    Args:
        matrix: from `level_features.matrix`, with the target word of each sentence masked.
        levels: the level of each sentence, "A1" to "C1".
        features: the names of those to look at.

    Raises:
        InputError: not a level for each sentence, an unknown one, or fewer than two.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    if len(levels) != len(matrix):
        raise InputError(f"levels: {len(levels)} for {len(matrix)} sentences; expected one a sentence")
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
