"""Measure how well scores agree with two teachers, and compare alternatives to the shipped scale."""

from collections.abc import Callable

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.metrics import cohen_kappa_score

from cefr_helpers.core.levels import LEVELS
from cefr_helpers.evaluation import human_features, human_scale, level_features
from tools.cefr_sp import Labelled
from tools.ordinal_line import cross_validated, folds

GROUPS = 2**14  # columns of the hashed groups of letters
GROUP_WEIGHTS = {"l1": 60.0, "l2": 5.0}  # how much less they are penalised than features; chosen by the folds


def agreement(scores: np.ndarray, labels: np.ndarray) -> dict:
    """Return how well scores agree with two teachers; QWK is kappa with quadratic weights, by nearest level."""
    mean = labels.mean(axis=1)
    nearest = [LEVELS.index(human_scale.nearest(score)) + 1 for score in scores]
    agreed = labels[:, 0] == labels[:, 1]
    called = {level: agreed & (labels[:, 0] == number) for number, level in enumerate(LEVELS, 1)}
    return {
        "sentences": len(labels),
        "r": pearson(scores, mean),
        "rmse": float(np.sqrt(np.mean((scores - mean) ** 2))),
        "bias": float(np.mean(scores - mean)),
        "qwk": [kappa(nearest, labels[:, teacher]) for teacher in (0, 1)],
        "within_one": float(np.mean(abs(scores - mean) <= 1)),
        "called": {
            level: {"sentences": int(rows.sum()), "mean": float(scores[rows].mean()), "sd": float(scores[rows].std())}
            for level, rows in called.items()
            if rows.any()
        },
    }


def between_teachers(labels: np.ndarray) -> dict:
    """Return how well the two teachers agree with each other."""
    a, b = labels.T
    return {
        "sentences": len(labels),
        "r": pearson(a, b),
        "rmse": float(np.sqrt(np.mean((a - b) ** 2))),
        "bias": float(np.mean(a - b)),
        "qwk": kappa(a, b),
        "within_one": float(np.mean(abs(a - b) <= 1)),
    }


def pearson(one, other) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def kappa(one, other) -> float:
    return float(cohen_kappa_score(one, other, weights="quadratic", labels=range(1, len(LEVELS) + 1)))


def quality(scales: dict[str, human_scale.HumanScale], parts: dict[str, Labelled]) -> dict:
    """Return for each part that no fit used the teachers' agreement with each other, and each scale's with them."""
    return {
        name: {"teachers": between_teachers(part.labels)}
        | {kind: agreement(scale.score(part.sentences), part.labels) for kind, scale in scales.items()}
        for name, part in parts.items()
    }


def alternatives(train: Labelled) -> dict[str, dict]:
    """Return the quality of the alternatives, by the same folds of the training part, before scores are stretched."""
    own = columns_of(train.sentences, level_features.FEATURES)
    matrix = human_features.matrix(train.sentences)
    groups = letter_groups(train.sentences, "l2")
    words = HashingVectorizer(token_pattern=r"[^\W\d_]+", n_features=GROUPS).transform(train.sentences)
    shipped = cross_validated(matrix, groups, train.labels)
    tried: dict[str, Callable[[], np.ndarray]] = {
        "the features of the bank's scorer": lambda: cross_validated(own, None, train.labels),
        "with those of rarer words and verbs": lambda: cross_validated(matrix, None, train.labels),
        "with groups of letters: the scale": lambda: shipped,
        "whole words in place of groups of letters": lambda: cross_validated(
            matrix, words * GROUP_WEIGHTS["l2"], train.labels
        ),
        "groups of letters and whole words": lambda: cross_validated(
            matrix, sparse.hstack([groups, words * GROUP_WEIGHTS["l2"]]).tocsr(), train.labels
        ),
        "gradient boosting on the features": lambda: boosted(matrix, train.labels),
        "the mean of boosting and the scale": lambda: (boosted(matrix, train.labels) + shipped) / 2,
        "the scale, stretched to people's spread": lambda: stretched(shipped, train.labels),
    }
    return {name: agreement(scores(), train.labels) for name, scores in tried.items()}


def stretched(raw: np.ndarray, labels: np.ndarray) -> np.ndarray:
    mean = labels.mean(axis=1)
    return np.clip(mean.mean() + mean.std() / raw.std() * (raw - raw.mean()), 1, len(LEVELS))


def boosted(matrix: np.ndarray, labels: np.ndarray) -> np.ndarray:
    found, mean = np.empty(len(labels)), labels.mean(axis=1)
    for train, test in folds(len(labels)):
        model = HistGradientBoostingRegressor(max_iter=300, learning_rate=0.04, max_leaf_nodes=12, random_state=0)
        found[test] = model.fit(matrix[train], mean[train]).predict(matrix[test])
    return np.clip(found, 1, len(LEVELS))


def columns_of(sentences: list[str], features: tuple[str, ...]) -> np.ndarray:
    return human_features.matrix(sentences)[:, [human_features.FEATURES.index(name) for name in features]]


def letter_groups(sentences: list[str], norm: str) -> sparse.csr_matrix:
    """Return the hashed groups of letters as columns of the fit."""
    return human_features.letter_groups(sentences, GROUPS, norm) * GROUP_WEIGHTS[norm]
