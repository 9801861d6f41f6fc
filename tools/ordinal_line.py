"""An ordinal regression with one linear score: cumulative logits that share their weights, and its cross-validation."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.model_selection import KFold

from cefr_helpers.core.levels import LEVELS
from cefr_helpers.evaluation import human_scale

PENALTY = 10.0  # on the squared weights; chosen by the folds
FOLDS = 5


class Line(NamedTuple):
    """Weights of the columns, and the four thresholds."""

    weights: np.ndarray
    thresholds: np.ndarray

    def expected(self, columns) -> np.ndarray:
        """Return the expected label of each row."""
        return 1 + expit((columns @ self.weights)[:, None] - self.thresholds).sum(axis=1)


def fit_line(columns, labels: np.ndarray, penalty: float = PENALTY) -> Line:
    """Fit cumulative logits with one slope: four logistic regressions "above level i" that share their weights.

    Both labels count half each. The loss is that of Li and Lin 2007 (Ordinal regression by extended binary
    classification), with a penalty on the squared weights.
    """
    width, above = (
        columns.shape[1],
        np.stack([(labels > level).mean(axis=1) for level in range(1, len(LEVELS))], axis=1),
    )

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        weights, thresholds = point[:width], point[width:]
        line = (columns @ weights)[:, None] - thresholds
        wrong = expit(line) - above
        gradient = np.concatenate([columns.T @ wrong.sum(axis=1) + penalty * weights, -wrong.sum(axis=0)])
        return (np.logaddexp(0, line) - above * line).sum() + penalty / 2 * weights @ weights, gradient

    start = np.concatenate([np.zeros(width), np.linspace(-2, 2, len(LEVELS) - 1)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    return Line(found[:width], found[width:])


def standardise(matrix: np.ndarray, means: np.ndarray, scales: np.ndarray) -> np.ndarray:
    return np.clip((matrix - means) / scales, -human_scale.FURTHEST, human_scale.FURTHEST)


def moments(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each column, 1 if a column never varies."""
    scales = matrix.std(axis=0)
    return matrix.mean(axis=0), np.where(scales == 0, 1.0, scales)


def cross_validated(matrix: np.ndarray, groups, labels: np.ndarray) -> np.ndarray:
    """Return each sentence's expected label by the fit to the other folds; `groups` are further columns, or None."""
    found = np.empty(len(labels))
    for train, test in folds(len(labels)):
        known = moments(matrix[train])
        parts = [[sparse.csr_matrix(standardise(matrix[rows], *known))] for rows in (train, test)]
        if groups is not None:
            parts = [[*part, groups[rows]] for part, rows in zip(parts, (train, test), strict=True)]
        trained, tested = (sparse.hstack(part).tocsr() for part in parts)
        found[test] = fit_line(trained, labels[train]).expected(tested)
    return found


def folds(sentences: int):
    return KFold(FOLDS, shuffle=True, random_state=0).split(np.empty(sentences))


def rounded(values: np.ndarray, digits: int = 6) -> tuple[float, ...]:
    return tuple(round(float(value), digits) for value in values)
