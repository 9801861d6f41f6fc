"""The level scorers of one run, trained only on training words, and their quality on unseen words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cefr_helpers.core.errors import InputError, required
from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.core.schema import QUALITIES, DatasetRecord
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
class Sentences:
    """Sentences of known level, with one entry per sentence in each tuple.

    Attributes:
        groups: the group of words of each sentence, as a number; groups are never divided between folds.
    """

    sentences: tuple[str, ...]
    target_words: tuple[str, ...]
    levels: tuple[str, ...]
    groups: tuple[int, ...]


@dataclass(frozen=True)
class LevelScorers:
    """The full scorer, its length-free twin, and their quality on unseen words.

    Attributes:
        quality: from `quality_report`, on the sentences that the two are trained on; None if it was not requested.
    """

    full: level_scorer.LevelScorer
    length_free: level_scorer.LevelScorer
    quality: dict | None


def training_rows(banks: dict[str, Bank], dataset: DatasetRecord, settings: Recipe, seed: int) -> Sentences:
    """Return the sentences of the training words of all levels; arguments and errors as of `split_again`."""
    return sentences_of(banks, split_again(banks, dataset, settings, seed))


def split_again(banks: dict[str, Bank], dataset: DatasetRecord, settings: Recipe, seed: int) -> splitting.Split:
    """Return the split from which a level's examples were drawn.

    Args:
        banks: level -> its bank, as in stage 01.
        dataset: the dataset record.

    Raises:
        InputError: bank, recipe or seed give another split than the dataset record, so that held-out words would be
            learnt from.
    """
    split = splitting.split_groups(banks, settings.split, settings.held_out_share, settings.dev_share, seed)
    recorded = dataset.results.split.hash
    if split.hash != recorded:
        raise InputError(
            f"split: version {split.hash} by this sentence bank, recipe and seed ({seed}), but the examples of level "
            f"{dataset.level} were drawn from version {recorded}; run 01_data_formatting for it again"
        )
    return split


def train(rows: Sentences, seed: int, with_quality: bool = True) -> LevelScorers | None:
    """Train both scorers and measure their quality; None if all sentences are of one level, which gives no scale."""
    if len(set(rows.levels)) < 2:
        return None
    matrix = level_features.matrix(rows.sentences, rows.target_words)
    full, length_free = (
        level_scorer.fit(matrix, rows.levels, features)
        for features in (level_features.FEATURES, level_features.FREE_FEATURES)
    )
    if not with_quality:
        return LevelScorers(full, length_free, None)
    folds = min(FOLDS, len(set(rows.groups)))
    return LevelScorers(full, length_free, quality_report(rows, folds, seed))


def scores(
    scorers: LevelScorers, sentences: Sequence[str | None], words: Sequence[str], valid: "ArrayLike"
) -> tuple["np.ndarray", "np.ndarray"]:
    """Return the full and the length-free score of each slot, with its own word masked; NaN if it is not valid."""
    import numpy as np

    valid = np.asarray(valid, bool)
    chosen = [(required(sentence), word) for sentence, word, ok in zip(sentences, words, valid, strict=True) if ok]
    matrix = level_features.matrix([sentence for sentence, _ in chosen], [word for _, word in chosen])
    found = []
    for scorer in (scorers.full, scorers.length_free):
        all_slots = np.full(len(valid), np.nan)
        all_slots[valid] = scorer.score_features(matrix)
        found.append(all_slots)
    return found[0], found[1]


def describe(scorers: LevelScorers | None) -> dict | None:
    """Return the part for the comparison record: levels, sentences, folds, and each variant's quality on unseen words.

    `confusion` is the full scorer's, in sentences, with true levels as rows and predicted ones as columns.
    """
    if scorers is None:
        return None
    report = required(scorers.quality)
    variants = {name: {key: quality[key] for key in QUALITIES} for name, quality in report["variants"].items()}
    return {
        "levels": list(scorers.full.levels),
        "sentences": sum(scorers.full.counts),
        "folds": report["folds"],
        "groups": report["groups"],
        "confusion": report["variants"]["full"]["confusion"],
    } | variants


def sentences_of(banks: dict[str, Bank], split: splitting.Split | None = None) -> Sentences:
    """Return the sentences of the training words of all levels; of all words if no split is given."""
    found = []
    for group, entries in enumerate(splitting.group_words(banks)):
        for level, word in entries:
            found += [(sentence, word, level, group) for sentence in banks[level].sentences[word]]
    if split is not None:
        training = {level: set(split.words(level, "train")) for level in banks}
        found = [row for row in found if row[1] in training[row[2]]]
    return Sentences(*(tuple(column) for column in zip(*found, strict=True))) if found else Sentences((), (), (), ())


def quality_report(rows: Sentences, folds: int = FOLDS, seed: int = 0) -> dict:
    """Cross-validate the scorer, its length-free twin and length alone, all on the same word-disjoint folds.

    Args:
        rows: the sentences that the scorer is, or will be, trained on.
        folds: number of folds.
        seed: the seed by which groups of words are assigned to folds.

    Returns:
        `levels`, `folds`, `seed`, `groups`, `counts` (sentences of each level) and `variants`: name -> `quality`.

    Raises:
        InputError: fewer than two levels, or fewer groups of words than folds.
    """
    if len(set(rows.levels)) < 2:
        raise InputError(f"levels: {len(set(rows.levels))} in the sentence bank; a level scorer needs at least two")
    if len(set(rows.groups)) < folds:
        raise InputError(
            f"folds: {folds} for {len(set(rows.groups))} groups of words; expected no more folds than groups"
        )
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
    """Return how well scores and predicted levels agree with the true levels.

    Args:
        true: (n,) numbers of the true levels.
        scores: (n,) expected levels.
        predicted: (n,) numbers of the predicted levels.
        levels: all levels, ascending.

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


def _folds(rows: Sentences, folds: int, seed: int):
    """Yield (training rows, test rows) as index arrays; no group of words is in both."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return splitter.split(rows.sentences, rows.levels, rows.groups)


def _cross_validate(matrix: "np.ndarray", rows: Sentences, features: tuple[str, ...], parts: list) -> dict:
    import numpy as np

    levels = np.array(rows.levels)
    scores, predicted = np.empty(len(levels)), np.empty(len(levels))
    for train, test in parts:
        scorer = level_scorer.fit(matrix[train], levels[train].tolist(), features)
        scores[test] = scorer.score_features(matrix[test])
        predicted[test] = scorer.nearest(scores[test])
    true = [number(level) for level in rows.levels]
    return quality(true, scores, predicted, [level for level in LEVELS if level in rows.levels])
