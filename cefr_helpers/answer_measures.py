"""All measures of generated answers: one row a slot, and their summary beside the gold's."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cefr_helpers import copying, diversity, grammar, vocabulary, word_order
from cefr_helpers.errors import InputError
from cefr_helpers.levels import LEVELS, number
from cefr_helpers.sentence_bank import words_of

TOLERANCE = 1.0  # levels between score and target that still count as the level asked for
_ANSWER = ["prompt", "sample"]
_NEEDED = {"prompt", "word", "sentence", "valid", "covered", "repeated", "exact_ten"}


def measure_slots(
    slots_table: pd.DataFrame, level: str, target_scores: Sequence[float], training_sentences: Sequence[str]
) -> pd.DataFrame:
    """Measure every slot of one model's (or the gold's) answers.

    Args:
        slots_table: from `answer_slots.slots`.
        level: the level asked for.
        target_scores: (rows,) the level score of each slot's sentence, in [1, 5], its target word masked; whatever
            stands at an invalid slot (NaN is fine) is not read.
        training_sentences: all that was trained on, best of all levels together: the word order is learnt from them,
            and nothing else is.

    Returns:
        The columns of `slots_table` and: `target` (the level asked for, 1 to 5), `level_score` (NaN where invalid),
        `squared_error` (where invalid, the largest that the level allows), `level_ok` (valid, within TOLERANCE),
        `harper_clean`, `order_ok` and `grammar_clean` (valid and both), `copied`, `repetitive`, `joint_success`,
        `words` (length), `content_words`, `above_level_words` and `above_level_share` (NaN without content words),
        `grams` (8-grams) and `grams_in_training`.
        An invalid slot is False in all that is good; `copied`, `repetitive` and the counts are False and 0 there, and
        the summary takes their rates over valid slots alone.

    Raises:
        InputError: columns are missing, the scores are not one a row, or a valid slot's is not in [1, 5].
    """
    missing = _NEEDED - set(slots_table.columns)
    if missing:
        raise InputError(f"slots_table: no column {', '.join(sorted(missing))}; expected those of answer_slots.slots")
    table = slots_table.reset_index(drop=True)
    valid = table["valid"].to_numpy(bool)
    texts = [sentence if ok else None for sentence, ok in zip(table["sentence"], valid, strict=True)]
    table = table.assign(
        **_level(target_scores, valid, number(level)),
        **_grammar(texts, training_sentences),
        **_copies(texts, training_sentences),
        **_vocabulary(texts, table["word"], level),
        repetitive=valid & table["repeated"].to_numpy(bool),
    )
    good = table["covered"] & table["level_ok"] & table["grammar_clean"]
    return table.assign(joint_success=valid & good & ~table["copied"] & ~table["repetitive"])


def summarise(table: pd.DataFrame, gold: pd.DataFrame, seed: int = 0, sentences_compared: int | None = None) -> dict:
    """Every measure as one number.

    Args:
        table: from `measure_slots`, with a row at least.
        gold: the same of the held-out sentences, measured against the same training sentences.
        seed: which sentences the measures of diversity take.
        sentences_compared: how many sentences diversity is measured on; give the same for all that are compared. By
            default as many valid ones as both tables have.

    Returns:
        `*_rate` are shares of all slots (`exact_ten_rate`: of prompts) and `control_error` a mean over all, an invalid
        slot failing in each. Over valid slots alone are `bias` (mean score - target), `words` (mean length),
        `above_level_share` (of all content words together), `grams_in_training_share` (of all 8-grams together),
        `*_of_valid`, and diversity (`sentences_compared`, `distinct_2`, `self_bleu`, `gzip_ratio`; each with `_gold`
        for the gold's at the same number). `*_minus_gold` are differences. None where there is nothing to measure.

    Raises:
        InputError: a table without a row.
    """
    own, golds = _rates(table), _rates(gold)
    minus = ("words", "above_level_share", "copied_of_valid", "grams_in_training_share")
    own |= {f"{key}_minus_gold": _minus(own[key], golds[key]) for key in minus}
    return own | _diversity(table, gold, seed, sentences_compared)


def _level(scores: Sequence[float], valid: np.ndarray, target: int) -> dict:
    scores = np.asarray(scores, float)
    if scores.shape != valid.shape:
        raise InputError(f"target_scores: shape {scores.shape}; expected one a slot, {valid.shape}")
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
        "level_ok": valid & (errors <= TOLERANCE**2),
    }


def _grammar(texts: list[str | None], training_sentences: Sequence[str]) -> dict[str, np.ndarray]:
    harper = np.array(grammar.clean(texts), bool)
    order = np.array(word_order.learn(training_sentences).plausible(texts), bool)
    return {"harper_clean": harper, "order_ok": order, "grammar_clean": harper & order}


def _copies(texts: list[str | None], training_sentences: Sequence[str]) -> dict[str, np.ndarray]:
    seen = copying.index(training_sentences)
    grams = np.array(copying.gram_counts(seen, texts), int).reshape(-1, 2)
    copied = np.array(copying.is_copy(seen, texts), bool)
    return {"copied": copied, "grams": grams[:, 0], "grams_in_training": grams[:, 1]}


def _vocabulary(texts: list[str | None], words: pd.Series, level: str) -> dict[str, np.ndarray]:
    levels = list(vocabulary.content_levels([text or "" for text in texts], list(words)))
    content = np.array([len(found) for found in levels], int)
    above = np.array([sum(one > number(level) for one in found) for found in levels], int)
    share = np.divide(above, content, out=np.full(len(levels), np.nan), where=content > 0)
    lengths = np.array([len(words_of(text or "")) for text in texts], int)
    return {"words": lengths, "content_words": content, "above_level_words": above, "above_level_share": share}


def _rates(table: pd.DataFrame) -> dict:
    """What can be said of one table alone."""
    if table.empty:
        raise InputError("table: no slot in it; expected a row at least")
    valid = table[table["valid"]]
    error = (valid["level_score"] - valid["target"]).to_numpy(float)
    named = {"validity": "valid", "coverage": "covered", "within_one": "level_ok", "grammar_clean": "grammar_clean"}
    named |= {"harper_clean": "harper_clean", "joint_success": "joint_success"}
    return {
        "prompts": int(table["prompt"].nunique()),
        "slots": len(table),
        "exact_ten_rate": _mean(table.groupby(_ANSWER if "sample" in table else "prompt")["exact_ten"].first()),
        **{f"{name}_rate": _mean(table[column]) for name, column in named.items()},
        "exact_level_rate": float((np.abs(error) <= 0.5).sum() / len(table)),
        "control_error": _mean(table["squared_error"]),
        "bias": _mean(error),
        "words": _mean(valid["words"]),
        "above_level_share": _ratio(valid, "above_level_words", "content_words"),
        "repetitive_of_valid": _mean(valid["repetitive"]),
        "copied_of_valid": _mean(valid["copied"]),
        "grams_in_training_share": _ratio(valid, "grams_in_training", "grams"),
    }


def _diversity(table: pd.DataFrame, gold: pd.DataFrame, seed: int, sentences_compared: int | None) -> dict:
    own, golds = (list(one.loc[one["valid"], "sentence"]) for one in (table, gold))
    count = min(len(own), len(golds)) if sentences_compared is None else sentences_compared
    found = {"sentences_compared": count}
    for sentences, suffix in ((own, ""), (golds, "_gold")):
        enough = 2 <= count <= len(sentences)
        measured = diversity.measure(sentences, count, seed) if enough else dict.fromkeys(diversity.MEASURES)
        found |= {f"{name}{suffix}": value for name, value in measured.items()}
    return found


def _mean(values) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _ratio(table: pd.DataFrame, above: str, below: str) -> float | None:
    return float(table[above].sum() / table[below].sum()) if table[below].sum() else None


def _minus(own: float | None, gold: float | None) -> float | None:
    return None if own is None or gold is None else own - gold
