"""All measures of generated answers: one row per slot, and their means."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.evaluation import fluency, human_scale
from cefr_helpers.text import grammar, ngrams, unsuitable, vocabulary
from cefr_helpers.text.tokens import words_of

# The largest distance from the requested level that passes. A tolerance of 1.0 stops up to a seventh of right sentences
# and a third of short ones; 1.5 would stop 3 %, but pass a quarter of the sentences that are two levels off.
TOLERANCE = 1.25
HUMAN_TOLERANCE = 1.0  # the same on the human scale, where it is not a gate
MEANS = ("exact_ten", "control_error", "bias", "exact_accuracy", "above_level_share", "words_a_sentence")
MEANS += (*ngrams.MEASURES, "ngrams_in_training", "within_next_level", "unsuitable")
_ANSWER = ["prompt", "sample"]
_NEEDED = {"prompt", "word", "sentence", "valid", "covered", "repeated", "exact_ten"}


def score_slots(
    slots_table: pd.DataFrame, level: str, target_scores: ArrayLike, training_sentences: Sequence[str]
) -> pd.DataFrame:
    """Measure every slot of one model's (or the gold's) answers.

    Args:
        slots_table: from `parsing.parse_answers`.
        level: the requested level.
        target_scores: (rows,) the level score of each slot's sentence, in [1, 5], with its target word masked; the
            value of an invalid slot is not read and may be NaN.
        training_sentences: all training sentences of all levels; a sentence that is among them is a copy.

    Returns:
        The columns of `slots_table` and: `target` (the requested level, 1 to 5), `level_score` (NaN if invalid),
        `squared_error` (if invalid, the largest possible at the level), `level_ok` (valid, within TOLERANCE),
        `human_level` and `human_level_length_free` (of `human_scale`, no word masked; NaN if invalid or without an
        English word), `human_within_one` (`human_level` at most HUMAN_TOLERANCE from the requested level),
        `harper_clean`, `fluent` and `grammar_clean` (valid and both), `copied`, `repetitive`, `joint_success`,
        `words` (length), `content_words`, `above_level_words` and `above_level_share` (NaN without content words),
        `far_above_words` (content words more than one level above), `unsuitable_words` (in the list of such words),
        `grams` (8-grams) and `grams_in_training`.
        For an invalid slot all gates are False; `copied`, `repetitive` and the counts are False and 0, and
        the summary computes their rates only over valid slots.

    Raises:
        InputError: columns are missing, there is not one score per row, or a valid slot's score is not in [1, 5].
    """
    missing = _NEEDED - set(slots_table.columns)
    if missing:
        raise InputError(f"slots_table: no column {', '.join(sorted(missing))}; expected those of answer_slots.slots")
    table = slots_table.reset_index(drop=True)
    valid = table["valid"].to_numpy(bool)
    texts = [sentence if ok else None for sentence, ok in zip(table["sentence"], valid, strict=True)]
    table = table.assign(
        **_level(target_scores, valid, number(level)),
        **_human_level(texts, number(level)),
        **_grammar(texts),
        **_copies(texts, training_sentences),
        **_vocabulary(texts, table["word"], level),
        repetitive=valid & table["repeated"].to_numpy(bool),
    )
    good = table["covered"] & table["level_ok"] & table["grammar_clean"]
    return table.assign(joint_success=valid & good & ~table["copied"] & ~table["repetitive"])


def level_fits(scores: ArrayLike, target: int) -> np.ndarray:
    """Return whether each score is near enough to the requested level; NaN is not."""
    return np.abs(np.asarray(scores, float) - target) <= TOLERANCE


def summarise(table: pd.DataFrame, seed: int = 0, sentences_compared: int | None = None) -> dict[str, float | None]:
    """Return the MEANS of one row's slots, each as one number.

    Args:
        table: from `score_slots`, with at least one row.
        seed: the seed by which sentences are chosen for the measures of diversity.
        sentences_compared: number of sentences on which diversity is measured; give the same for all rows that are
            compared. By default all valid ones.

    Returns:
        `exact_ten`, a share of all answers; `control_error` and `exact_accuracy`, over all slots, where an invalid one
        counts as a failure. Only over valid slots: `bias` (mean score - target), `words_a_sentence`,
        `above_level_share` (of all content words together), `ngrams_in_training` (the share of all 8-grams together),
        `within_next_level` (share of sentences with no other word above the next level), `unsuitable` (number of
        sentences with a word in the list of such words),
        and diversity (`distinct_2`, `self_bleu`, `gzip_ratio`). None if there is nothing to measure.

    Raises:
        InputError: a table without a row.
    """
    if table.empty:
        raise InputError("table: no slot in it; expected at least one row")
    valid = table[table["valid"]]
    error = (valid["level_score"] - valid["target"]).to_numpy(float)
    return {
        "exact_ten": _mean(table.groupby(_ANSWER if "sample" in table else "prompt")["exact_ten"].first()),
        "control_error": _mean(table["squared_error"]),
        "bias": _mean(error),
        "exact_accuracy": float((np.abs(error) <= 0.5).sum() / len(table)),
        "above_level_share": _ratio(valid, "above_level_words", "content_words"),
        "words_a_sentence": _mean(valid["words"]),
        **_diversity(list(valid["sentence"]), seed, sentences_compared),
        "ngrams_in_training": _ratio(valid, "grams_in_training", "grams"),
        "within_next_level": _mean(valid["far_above_words"] == 0),
        "unsuitable": float((valid["unsuitable_words"] > 0).sum()),
    }


def _level(scores: ArrayLike, valid: np.ndarray, target: int) -> dict:
    scores = np.asarray(scores, float)
    if scores.shape != valid.shape:
        raise InputError(f"target_scores: shape {scores.shape}; expected one per slot, {valid.shape}")
    wrong = valid & ~((scores >= 1) & (scores <= len(LEVELS)))
    if wrong.any():
        raise InputError(f"target_scores: {scores[wrong][0]} at a valid slot; expected 1 to {len(LEVELS)}")
    scores = np.where(valid, scores, np.nan)
    worst = max(target - 1, len(LEVELS) - target) ** 2
    errors = np.where(valid, (scores - target) ** 2, worst)
    return {
        "target": target,
        "level_score": scores,
        "squared_error": errors,
        "level_ok": valid & level_fits(scores, target),
    }


def _human_level(texts: list[str | None], target: int) -> dict[str, np.ndarray]:
    full, free = (human_scale.load(length_free=one).score([text or "" for text in texts]) for one in (False, True))
    # NaN is within nothing
    return {
        "human_level": full,
        "human_level_length_free": free,
        "human_within_one": np.abs(full - target) <= HUMAN_TOLERANCE,
    }


def _grammar(texts: list[str | None]) -> dict[str, np.ndarray]:
    harper, fluent = np.array(grammar.clean(texts), bool), np.array(fluency.fluent(texts), bool)
    return {"harper_clean": harper, "fluent": fluent, "grammar_clean": harper & fluent}


def _copies(texts: list[str | None], training_sentences: Sequence[str]) -> dict[str, np.ndarray]:
    seen = ngrams.index_training(training_sentences)
    grams = np.array(ngrams.gram_counts(seen, texts), int).reshape(-1, 2)
    copied = np.array(ngrams.is_copy(seen, texts), bool)
    return {"copied": copied, "grams": grams[:, 0], "grams_in_training": grams[:, 1]}


def _vocabulary(texts: list[str | None], words: pd.Series, level: str) -> dict[str, np.ndarray]:
    levels = list(vocabulary.content_levels([text or "" for text in texts], list(words)))
    content = np.array([len(found) for found in levels], int)
    above = np.array([sum(one > number(level) for one in found) for found in levels], int)
    far_above = np.array([sum(one > number(level) + 1 for one in found) for found in levels], int)
    listed = [len(unsuitable.found_in(text or "", word)) for text, word in zip(texts, words, strict=True)]
    share = np.divide(above, content, out=np.full(len(levels), np.nan), where=content > 0)
    lengths = np.array([len(words_of(text or "")) for text in texts], int)
    return {
        "words": lengths,
        "content_words": content,
        "above_level_words": above,
        "above_level_share": share,
        "far_above_words": far_above,
        "unsuitable_words": listed,
    }


def _diversity(sentences: list[str], seed: int, count: int | None) -> Mapping[str, float | None]:
    count = len(sentences) if count is None else count
    if not 2 <= count <= len(sentences):
        return dict.fromkeys(ngrams.MEASURES)
    return ngrams.measure(sentences, count, seed)


def _mean(values) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _ratio(table: pd.DataFrame, above: str, below: str) -> float | None:
    return float(table[above].sum() / table[below].sum()) if table[below].sum() else None
