"""The tables over levels that notes and report show."""

from cefr_helpers.core.schema import (
    LevelRecords,
    above_floor,
    adopted,
    best,
    find,
    floor,
    has_records,
    history,
    loss_measure,
)
from cefr_helpers.notes import reference_results
from cefr_helpers.rendering.locale import Locale, decimals_known, load_locale
from cefr_helpers.rendering.tables import Column, LevelTable


def wording_for(records_by_level: dict[str, LevelRecords], language: str) -> Locale:
    """The wording of a document, with as many decimals for losses (2 or 3) as its records know."""
    known = []
    for held in records_by_level.values():
        known += [entry[key] for key in ("train_loss", "eval_loss") for entry in history(held, key)]
        for measure in ("completion", "full_text"):
            known += [find(held.comparison, f"results.{measure}.{which}.loss") for which in ("base", "tuned")]
    return load_locale(language, decimals_known(known))


def side_by_side(records_by_level: dict[str, LevelRecords]) -> LevelTable:
    """Reductions, time, best evaluation and loss above the floor of each level."""
    columns = (
        Column("loss_reduction", "percent"),
        Column("perplexity_reduction", "percent"),
        Column("training_time", "duration"),
        Column("best_eval_loss", "loss"),
        Column("best_epoch", "two_decimals"),
        Column("above_floor", "loss"),
    )
    return LevelTable("levels", columns, tuple(_summary(held) for held in records_by_level.values()))


def comparisons(records_by_level: dict[str, LevelRecords]) -> LevelTable:
    """Completion loss and perplexity of base and tuned model, and the difference with its interval."""
    columns = (
        Column("examples", "whole"),
        Column("base_loss", "loss"),
        Column("tuned_loss", "loss"),
        Column("difference", "loss"),
        Column("interval", "interval"),
        Column("base_perplexity", "two_decimals"),
        Column("tuned_perplexity", "two_decimals"),
        Column("base_bits", "loss"),
        Column("tuned_bits", "loss"),
    )
    return LevelTable("comparison", columns, tuple(_compared(held) for held in records_by_level.values()))


def data(records_by_level: dict[str, LevelRecords]) -> LevelTable:
    """What may explain differences between levels: examples, lengths, overlap, floor."""
    columns = (
        Column("train_examples", "whole"),
        Column("eval_examples", "whole"),
        Column("sentence_words", "one_decimal"),
        Column("tokens", "one_decimal"),
        Column("sentence_overlap", "share"),
        Column("floor", "loss"),
        Column("best_eval_loss", "loss"),
        Column("above_floor", "loss"),
    )
    return LevelTable("data", columns, tuple(_data_row(held) for held in records_by_level.values()))


def beside_published(records_by_level: dict[str, LevelRecords]) -> LevelTable:
    """The reference project's published figures, and ours under them."""
    columns = (
        Column("run", "run"),
        Column("loss_reduction", "percent"),
        Column("perplexity_reduction", "percent"),
        Column("training_time", "duration"),
        Column("best_eval_loss", "loss"),
        Column("best_epoch", "two_decimals"),
    )
    rows = []
    for level, figures in reference_results.LEVELS.items():
        rows.append({"level": level, "run": "reference", "decimals": 2, **figures})
        if level in records_by_level:
            ours = _summary(records_by_level[level])
            rows.append({**ours, "run": "not_run" if ours["state"] == "missing" else "ours"})
    return LevelTable("published", columns, tuple(rows))


def answers(records_by_level: dict[str, LevelRecords]) -> LevelTable:
    """Joint Success, coverage and control error of the answers of base and tuned model, and of the bank itself."""
    kinds = {"joint": "share", "covered": "share", "control": "two_decimals"}
    columns = [Column(f"{name}_{row}", kind) for name, kind in kinds.items() for row in ("base", "tuned", "gold")]
    rows = tuple(_answered(held) for held in records_by_level.values())
    return LevelTable("answers", (Column("slots", "whole"), *columns), rows)


def _state(held: LevelRecords) -> str:
    return "missing" if not has_records(held) else "unknown" if adopted(held) else "done"


def _summary(held: LevelRecords) -> dict:
    lowest = best(held) or {}
    return {
        "level": held.level,
        "state": _state(held),
        "loss_reduction": find(held.comparison, "results.completion.loss_reduction_pct"),
        "perplexity_reduction": find(held.comparison, "results.completion.perplexity_reduction_pct"),
        "training_time": find(held.training, "results.duration_s"),
        "best_eval_loss": lowest.get("eval_loss"),
        "best_epoch": lowest.get("epoch"),
        "above_floor": above_floor(held),
    }


def _compared(held: LevelRecords) -> dict:
    found = find(held.comparison, "results.completion")
    ends = (find(found, "difference.low"), find(found, "difference.high"))
    return {
        "level": held.level,
        "state": _state(held),
        "examples": find(held.comparison, "results.examples"),
        "base_loss": find(found, "base.loss"),
        "tuned_loss": find(found, "tuned.loss"),
        "difference": find(found, "difference.estimate"),
        "interval": None if None in ends else ends,
        "base_perplexity": find(found, "base.perplexity"),
        "tuned_perplexity": find(found, "tuned.perplexity"),
        "base_bits": find(found, "base.bits_per_character"),
        "tuned_bits": find(found, "tuned.bits_per_character"),
    }


def _answered(held: LevelRecords) -> dict:
    found = find(held.comparison, "results.generation")
    measures = {"joint": "joint_success", "covered": "covered", "control": "control_error"}
    values = {
        f"{name}_{row}": find(found, f"measures.{row}.{measure}.value")
        for name, measure in measures.items()
        for row in ("base", "tuned", "gold")
    }
    return {"level": held.level, "state": _state(held), "slots": find(found, "slots"), **values}


def _data_row(held: LevelRecords) -> dict:
    found = find(held.dataset, "results")
    return {
        "level": held.level,
        "state": _state(held),
        "train_examples": find(found, "train_examples"),
        "eval_examples": find(found, "eval_examples"),
        "sentence_words": find(found, "sentence_words.mean"),
        "tokens": find(found, "tokens.eval.mean"),
        "sentence_overlap": find(found, "leak_audit.sentence_overlap.share"),
        "floor": floor(held, loss_measure(held, "eval_loss")),
        "best_eval_loss": (best(held) or {}).get("eval_loss"),
        "above_floor": above_floor(held),
    }
