"""The card of the level scorer: how well it tells the levels apart on words it has not seen, and what length alone
reaches on the same folds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.data import splitting
from cefr_helpers.data.banks import Bank
from cefr_helpers.evaluation import level_features, level_scorer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

FOLDS = 5
VARIANTS = {
    "full": level_features.FEATURES,
    "length_free": level_features.FREE_FEATURES,
    "length_only": level_features.LENGTH_ONLY,
}


@dataclass(frozen=True)
class Rows:
    """Sentences of known level, one entry a sentence in each tuple.

    Attributes:
        groups: the number of the group of words that a sentence belongs to; groups are never divided between folds.
    """

    sentences: tuple[str, ...]
    target_words: tuple[str, ...]
    levels: tuple[str, ...]
    groups: tuple[int, ...]


def rows_of(banks: dict[str, Bank], split: splitting.Split | None = None) -> Rows:
    """The sentences of the training words of all levels; of all words where no split is given."""
    found = []
    for group, entries in enumerate(splitting.group_words(banks)):
        for level, word in entries:
            found += [(sentence, word, level, group) for sentence in banks[level].sentences[word]]
    if split is not None:
        training = {level: set(split.words(level, "train")) for level in banks}
        found = [row for row in found if row[1] in training[row[2]]]
    return Rows(*(tuple(column) for column in zip(*found, strict=True))) if found else Rows((), (), (), ())


def card(rows: Rows, folds: int = FOLDS, seed: int = 0) -> dict:
    """Cross-validate the scorer, its length-free twin and length alone, all on the same word-disjoint folds.

    Args:
        rows: what the scorer is, or will be, trained on.
        folds: number of folds.
        seed: what decides which group of words lies in which fold.

    Returns:
        `levels`, `folds`, `seed`, `groups`, `counts` (sentences of each level) and `variants`: name -> `quality`.

    Raises:
        InputError: fewer than two levels, or fewer groups of words than folds.
    """
    if len(set(rows.levels)) < 2:
        raise InputError(f"levels: {len(set(rows.levels))} in the sentence bank; a level scorer needs at least two")
    if len(set(rows.groups)) < folds:
        raise InputError(f"folds: {folds} for {len(set(rows.groups))} groups of words; expected no more than groups")
    levels = [level for level in LEVELS if level in rows.levels]
    matrix = level_features.matrix(rows.sentences, rows.target_words)
    parts = list(_folds(rows, folds, seed))
    return {
        "levels": levels,
        "folds": folds,
        "seed": seed,
        "groups": len(set(rows.groups)),
        "counts": {level: rows.levels.count(level) for level in levels},
        "variants": {name: _cross_validate(matrix, rows, features, parts) for name, features in VARIANTS.items()},
    }


def quality(true: "ArrayLike", scores: "ArrayLike", predicted: "ArrayLike", levels: Iterable[str]) -> dict:
    """How well scores and the levels they stand for agree with the true levels.

    Args:
        true: (n,) numbers of the true levels.
        scores: (n,) expected levels.
        predicted: (n,) numbers of the predicted levels.
        levels: the levels there are, ascending.

    Returns:
        `qwk`, Cohen's kappa with quadratic weights (Cohen 1968); `accuracy`; `within_one`, the share at most one level
        off; `rmse` of the scores, in levels; `mean_score` by level; `confusion`, rows true and columns predicted.
    """
    import numpy as np
    from sklearn.metrics import cohen_kappa_score, confusion_matrix

    true, scores, predicted = np.asarray(true), np.asarray(scores), np.asarray(predicted, dtype=int)
    levels = list(levels)
    scale = list(range(1, len(LEVELS) + 1))  # all of it: the weights are distances on the whole scale
    return {
        "qwk": float(cohen_kappa_score(true, predicted, weights="quadratic", labels=scale)),
        "accuracy": float(np.mean(true == predicted)),
        "within_one": float(np.mean(abs(true - predicted) <= 1)),
        "rmse": float(np.sqrt(np.mean((scores - true) ** 2))),
        "mean_score": {level: float(scores[true == number(level)].mean()) for level in levels},
        "confusion": confusion_matrix(true, predicted, labels=[number(level) for level in levels]).tolist(),
    }


def _folds(rows: Rows, folds: int, seed: int):
    """(training rows, test rows), as index arrays; no group of words lies in both."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return splitter.split(rows.sentences, rows.levels, rows.groups)


def _cross_validate(matrix: "np.ndarray", rows: Rows, features: tuple[str, ...], parts: list) -> dict:
    import numpy as np

    levels = np.array(rows.levels)
    scores, predicted = np.empty(len(levels)), np.empty(len(levels))
    for train, test in parts:
        scorer = level_scorer.fit(matrix[train], levels[train].tolist(), features)
        scores[test] = scorer.score_features(matrix[test])
        predicted[test] = scorer.nearest(scores[test])
    true = [number(level) for level in rows.levels]
    return quality(true, scores, predicted, [level for level in LEVELS if level in rows.levels])
