"""Measure the answers of base and tuned model slot by slot, with the gold and the trivial answer as references."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cefr_helpers.core import files, records
from cefr_helpers.core.levels import LEVELS, number
from cefr_helpers.core.schema import GATES, MEASURE_VERSION, RATES, ROWS, UNTUNED
from cefr_helpers.evaluation import baseline_cache, cloze, fluency, intervals, level_scorers, metrics, parsing, variety
from cefr_helpers.models import generation

FILE = "generations.csv"
# Mean levels of a row, as people label it and as the bank teaches it, and the slots' column that each averages.
MEAN_LEVELS = {
    "human_level": "human_level",
    "human_level_length_free": "human_level_length_free",
    "bank_level": "level_score",
}
MEASURES = (*RATES, *metrics.MEANS[:4], "control_error_length_free", *metrics.MEANS[4:])
MEASURES += (*variety.MEASURES, *cloze.MEASURES, "human_within_one", *MEAN_LEVELS)
_OF_LEVEL = ("level_ok", "control_error", "bias", "exact_accuracy", "control_error_length_free")
# The diversity of a row with fewer valid sentences, or with fewer than half of its slots valid, is not compared:
# otherwise all rows would be measured on only that many sentences.
_FEWEST_TO_COMPARE = 10
_SHARE_TO_COMPARE = 0.5
_SLOTS_SHOWN = 10
_SCORED = ("base", "base_one_word", "tuned", "gold")
_COLUMNS = (
    "row",
    "prompt",
    "sample",
    "slot",
    "word",
    "sentence",
    *RATES,
    "exact_ten",
    "level_score",
    "level_score_length_free",
    "human_level",
    "human_level_length_free",
    "human_within_one",
)
_COLUMNS += (
    "words",
    "content_words",
    "above_level_words",
    "grams",
    "grams_in_training",
    "cloze_rank",
    "harper_clean",
    "fluent",
)


def measure(
    texts: dict[str, list[str]],
    words: Sequence[Sequence[str]],
    level: str,
    scorers: level_scorers.LevelScorers | None,
    training_sentences: Sequence[str],
    sampled: dict[str, list[list[str]]] | None = None,
    kept: baseline_cache.BaselineCache | None = None,
) -> pd.DataFrame:
    """Return every slot of every row with its gates and scores.

    Args:
        texts: from `baselines.rows_of_answers`.
        words: the words of each prompt.
        level: the requested level.
        scorers: from `level_scorers.train`. With None, the bank's scores are NaN, `level_ok` is None, and
            `joint_success` leaves the level out: the human scale gives the answers' levels, but a gate judged by it
            would be another gate under the same name.
        training_sentences: the sentences of all training words of all levels.
        sampled: from `baselines.sampled_answers`; repetitions are counted within each sample.
        kept: the cache of the base's results, in which the fluency of each row's sentences is kept; None keeps nothing.

    Returns:
        The columns of `metrics.score_slots`, with `row`, `prompt` counted from 1, `sample` (0: greedy),
        `not_copied` and `not_repetitive` (both valid as well), `cloze_rank` (NaN: `cloze.ranks` fills it),
        `level_score_length_free` and
        `squared_error_length_free`.
    """
    takes = [(row, 0, texts[row]) for row in ROWS if row in texts]
    takes += [(row, number, take) for row, drawn in (sampled or {}).items() for number, take in enumerate(drawn, 1)]
    slots = pd.concat(
        [parsing.parse_answers(take, words).assign(row=row, sample=number) for row, number, take in takes],
        ignore_index=True,
    )
    valid = slots["valid"].to_numpy(bool)
    if kept:
        for _, own in slots[valid].groupby(["row", "sample"]):
            fluency.keep(own["sentence"], kept)
    target = number(level)
    if scorers is None:
        full, free = np.full(len(slots), float(target)), np.full(len(slots), np.nan)
    else:
        full, free = level_scorers.scores(scorers, list(slots["sentence"]), list(slots["word"]), valid)
    table = metrics.score_slots(slots, level, full, training_sentences)
    worst = max(target - 1, len(LEVELS) - target) ** 2
    table = table.assign(
        prompt=table["prompt"] + 1,
        not_copied=valid & ~table["copied"],
        not_repetitive=valid & ~table["repetitive"],
        level_score_length_free=free,
        cloze_rank=np.nan,
        squared_error_length_free=np.where(valid, (free - target) ** 2, worst),
    )
    # without a scorer the target itself was used, so that the level stopped nothing; it must not look like a result
    unknown = {"level_ok": None, "level_score": np.nan, "squared_error": np.nan, "squared_error_length_free": np.nan}
    return table if scorers is not None else table.assign(**unknown)


def summarise(table: pd.DataFrame, scorers: level_scorers.LevelScorers | None, seed: int, max_new_tokens: int) -> dict:
    """Return the part of the comparison record under `generation`.

    Returns:
        `measure_version` and `gate_quality`, `prompts`, `slots` (with one answer per prompt), `words` (distinct) and
        how the answers were made; `measures`, row -> measure -> {"value", "low", "high"}: the RATES with a 95 %
        interval over whole prompts, `human_within_one` and the shares of `variety` and `cloze` likewise, the
        MEAN_LEVELS (from 1 to 5) over valid slots with Student's interval, the others (see `metrics.summarise`)
        without; `differences`, tuned - base of each of RATES;
        `strongest_untuned` and `differences_from_strongest`, the same from the row that `strongest_untuned` names;
        `openings`, how most sentences of a row begin (`variety.opening`);
        `sentences_compared`, the number of sentences on which diversity is measured; `slots_shown`, the tuned model's
        first ten (an invalid slot has failed only "valid"); `scores` of valid slots by the bank's
        scorer, and `human_scores` by the human scale; `scorer`; `file`. Values that cannot be computed are None, such
        as intervals of a single prompt, and levels without a scorer.
    """
    there = set(table["row"])
    rows = {row: table[table["row"] == row].reset_index(drop=True) for row in ROWS if row in there}
    compared = _compared(rows)
    strongest = strongest_untuned(rows)
    return {
        "measure_version": MEASURE_VERSION,
        "gate_quality": fluency.gate_quality(),
        "prompts": int(table["prompt"].nunique()),
        "slots": len(rows["gold"]),
        "words": int(table["word"].nunique()),
        "decoding": "greedy",
        "samples": int(table["sample"].max()),
        "temperature": generation.TEMPERATURE if table["sample"].any() else None,
        "max_new_tokens": max_new_tokens,
        "measures": {
            row: _measures(one, scorers is not None, seed, compared, rows["gold"]) for row, one in rows.items()
        },
        "openings": {row: found for row, one in rows.items() if (found := variety.opening(one, rows["gold"]))},
        "differences": {rate: _difference(rows["base"], rows["tuned"], rate, seed) for rate in RATES},
        "strongest_untuned": strongest,
        "differences_from_strongest": {rate: _difference(rows[strongest], rows["tuned"], rate, seed) for rate in RATES},
        "sentences_compared": compared,
        "slots_shown": [_shown(slot) for slot in rows["tuned"][:_SLOTS_SHOWN].to_dict("records")],
        "scores": {row: _scores(rows[row], "level_score") for row in _SCORED if row in rows},
        "human_scores": {row: _scores(rows[row], "human_level") for row in _SCORED if row in rows},
        "scorer": level_scorers.describe(scorers),
        "file": FILE,
    }


def strongest_untuned(rows: dict[str, pd.DataFrame]) -> str:
    """Return the greedy row of the base with the highest Joint Success: the best result without tuning.

    If rows are equal, it is the one that uses more of its words, then the later one of UNTUNED. The row is picked by
    the figures that are compared, which favours this row and not the tuned model.
    """
    there = [row for row in UNTUNED if row in rows]
    rates = ("joint_success", "covered")
    return max(there, key=lambda row: (*(rows[row][rate].mean() for rate in rates), UNTUNED.index(row)))


def measures_table(found: dict) -> pd.DataFrame:
    """Return the measures of `summarise` as a table, one line per measure and one column per row, with intervals."""
    return pd.DataFrame(
        {row: {measure: _cell(**numbers) for measure, numbers in measures.items()} for row, measures in found.items()}
    )


def write_csv(path: Path, table: pd.DataFrame) -> Path:
    """Write the slots of all rows, one line each; unknown values are empty, and no answer can act as a formula."""
    text = io.StringIO()
    table = table.assign(**{column: table[column].map(files.to_spreadsheet) for column in ("word", "sentence")})
    # line ends of RFC 4180; with others a carriage return inside a text would not be quoted, and would split its row
    table.to_csv(text, columns=list(_COLUMNS), index=False, float_format="%.4f", lineterminator="\r\n")
    return files.write_atomically(path, text.getvalue())


def _compared(rows: dict[str, pd.DataFrame]) -> int:
    """Return the number of sentences on which diversity is measured: the smallest number of any row with enough."""
    counts = [(int(row["valid"].sum()), len(row)) for row in rows.values()]
    enough = [valid for valid, slots in counts if valid >= max(_FEWEST_TO_COMPARE, _SHARE_TO_COMPARE * slots)]
    return min(enough, default=0)


def _measures(row: pd.DataFrame, with_level: bool, seed: int, compared: int, gold: pd.DataFrame) -> dict:
    means = metrics.summarise(row, seed, compared) | variety.measure(row, gold, compared, seed)
    means |= cloze.measure(row)
    means["control_error_length_free"] = float(row["squared_error_length_free"].mean())
    means |= dict.fromkeys(() if with_level else _OF_LEVEL)
    nothing = {"low": None, "high": None}
    found = {rate: _rate(row, rate) for rate in (*RATES, "human_within_one")}
    found |= {measure: _mean_level(row, column) for measure, column in MEAN_LEVELS.items()}
    found |= {measure: {"value": value, **nothing} for measure, value in means.items() if measure not in RATES}
    for measure, values in (variety.shares(row) | cloze.shares(row)).items():
        found[measure] = intervals.metric_of_rate(values.to_numpy(float), list(row.loc[values.index, "prompt"]))
    return {measure: found[measure] for measure in MEASURES}


def _rate(row: pd.DataFrame, rate: str) -> dict[str, float | None]:
    if row[rate].isna().any():
        return {"value": None, "low": None, "high": None}
    # a property of a whole answer, not of its slots
    seen = row.groupby(["prompt", "sample"]).head(1) if rate == "exact_ten" else row
    return intervals.metric_of_rate(seen[rate].to_numpy(float), list(seen["prompt"]))


def _mean_level(row: pd.DataFrame, column: str) -> dict[str, float | None]:
    """Return the mean of the slots that have a score, with its interval if these come from two prompts or more."""
    known = row[row[column].notna()]
    if known["prompt"].nunique() < 2:
        return {"value": float(known[column].mean()) if len(known) else None, "low": None, "high": None}
    found = intervals.cluster_mean(known[column], list(known["prompt"]), bounds=(1, len(LEVELS)))
    return {"value": found["estimate"], "low": found["low"], "high": found["high"]}


def _difference(base: pd.DataFrame, tuned: pd.DataFrame, rate: str, seed: int) -> dict[str, float | None]:
    keys = ("estimate", "low", "high", "p")
    if base[rate].isna().any():
        return dict.fromkeys(keys)
    before, after = base[rate].to_numpy(float), tuned[rate].to_numpy(float)
    if base["prompt"].nunique() < 2:
        return dict.fromkeys(keys) | {"estimate": float((after - before).mean())}
    found = intervals.paired_cluster_difference(before, after, list(base["prompt"]), seed, bounds=(-1, 1))
    return {key: found[key] for key in keys}


def _shown(slot: dict) -> dict:
    failed = [gate for gate in GATES if slot[gate] is not None and not slot[gate]] if slot["valid"] else ["valid"]
    scores = {"score": slot["level_score"], "human_level": slot["human_level"]}
    scores = {name: records.finite_or_none(value) for name, value in scores.items()}
    return {key: slot[key] for key in ("prompt", "slot", "word", "sentence")} | scores | {"failed": failed}


def _scores(row: pd.DataFrame, column: str) -> list[float]:
    return row[column].dropna().round(4).tolist()


def _cell(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" + ("" if low is None else f" [{low:.3f}, {high:.3f}]")
