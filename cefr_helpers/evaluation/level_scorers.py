"""The level scorers of one run: trained on the training words of all levels' banks, never on a held-out one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.core.schema import QUALITIES
from cefr_helpers.data import splitting
from cefr_helpers.data.banks import Bank
from cefr_helpers.evaluation import level_features, level_scorer, scorer_card

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Scorers:
    """The full scorer, its length-free twin, and how good they are on words not seen.

    Attributes:
        card: from `scorer_card.card`, on the same sentences that the two are trained on; None where none was
            asked for.
    """

    full: level_scorer.LevelScorer
    length_free: level_scorer.LevelScorer
    card: dict | None


def training_rows(banks: dict[str, Bank], dataset: dict, settings: Recipe, seed: int) -> scorer_card.Rows:
    """The sentences of the training words of all levels, by the same split that the examples were drawn from.

    Args:
        banks: level -> its bank, those of stage 01.
        dataset: the dataset record.

    Raises:
        InputError: bank, recipe or seed split the words in another way than the dataset record says: held-out words
            would come among those that the scorer learns from.
    """
    split = splitting.split_groups(banks, settings.split, settings.held_out_share, seed)
    recorded = dataset["results"]["split"]["hash"]
    if split.hash != recorded:
        raise InputError(
            f"split: version {split.hash} by this sentence bank, recipe and seed ({seed}), but the examples of level "
            f"{dataset['level']} were drawn from version {recorded}; run 01_data_formatting for it again"
        )
    return scorer_card.rows_of(banks, split)


def train(rows: scorer_card.Rows, seed: int, with_card: bool = True) -> Scorers | None:
    """Train both scorers and make their card; None where the sentences are of a single level, which teach no scale."""
    if len(set(rows.levels)) < 2:
        return None
    matrix = level_features.matrix(rows.sentences, rows.target_words)
    full, length_free = (
        level_scorer.fit(matrix, rows.levels, features)
        for features in (level_features.FEATURES, level_features.FREE_FEATURES)
    )
    if not with_card:
        return Scorers(full, length_free, None)
    folds = min(scorer_card.FOLDS, len(set(rows.groups)))
    return Scorers(full, length_free, scorer_card.card(rows, folds, seed))


def scores(
    scorers: Scorers, sentences: Sequence[str | None], words: Sequence[str], valid: Sequence[bool]
) -> tuple["np.ndarray", "np.ndarray"]:
    """The full and the length-free score of each slot, its own word masked; NaN where it is not valid."""
    import numpy as np

    valid = np.asarray(valid, bool)
    chosen = [(sentence, word) for sentence, word, ok in zip(sentences, words, valid, strict=True) if ok]
    matrix = level_features.matrix([sentence for sentence, _ in chosen], [word for _, word in chosen])
    found = []
    for scorer in (scorers.full, scorers.length_free):
        all_slots = np.full(len(valid), np.nan)
        all_slots[valid] = scorer.score_features(matrix)
        found.append(all_slots)
    return found[0], found[1]


def describe(scorers: Scorers | None) -> dict | None:
    """What the comparison record keeps: levels, training sentences, folds, and each variant's quality on unseen words.

    `confusion` has true levels as rows and predicted ones as columns, in sentences; it is the full scorer's.
    """
    if scorers is None:
        return None
    card = scorers.card
    variants = {name: {key: quality[key] for key in QUALITIES} for name, quality in card["variants"].items()}
    return {
        "levels": list(scorers.full.levels),
        "sentences": sum(scorers.full.counts),
        "folds": card["folds"],
        "groups": card["groups"],
        "confusion": card["variants"]["full"]["confusion"],
    } | variants
