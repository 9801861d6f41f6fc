"""The tables over levels that notes and report show."""

from cefr_helpers.core.level_records import LevelRecords
from cefr_helpers.core.ratings import SystemRating
from cefr_helpers.core.schema import ROWS, Interval, Metric
from cefr_helpers.notes import reference_results
from cefr_helpers.rendering.locale import Locale, decimals_known, load_locale
from cefr_helpers.rendering.tables import Column, LevelTable

_OF_VARIETY = ("first_words", "target_place", "frames")
_SCALES = {"people": ("human_level", "human_within_one"), "bank": ("bank_level", "level_ok")}


def locale_for(records_by_level: dict[str, LevelRecords], language: str) -> Locale:
    """The locale of a document, with as many decimals for losses (2 or 3) as its records know."""
    known = []
    for records in records_by_level.values():
        known += [getattr(entry, key) for key in ("train_loss", "eval_loss") for entry in records.history(key)]
        for found in (records.comparison.results.completion, records.comparison.results.full_text):
            known += [found.base.loss, found.tuned.loss]
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
    return LevelTable("levels", columns, tuple(_summary(records) for records in records_by_level.values()))


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
    return LevelTable("comparison", columns, tuple(_compared(records) for records in records_by_level.values()))


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
    return LevelTable("data", columns, tuple(_data_row(records) for records in records_by_level.values()))


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
    rows = tuple(_answered(records) for records in records_by_level.values())
    return LevelTable("answers", (Column("slots", "whole"), *columns), rows)


def variety(records_by_level: dict[str, LevelRecords]) -> LevelTable:
    """How varied the tuned model's sentences are, beside the bank's own."""
    columns = [Column(f"{name}_{row}", "share") for name in _OF_VARIETY for row in ("tuned", "gold")]
    columns.append(Column("told_from_bank_tuned", "two_decimals"))
    rows = tuple(_varied(records) for records in records_by_level.values())
    return LevelTable("variety", tuple(columns), rows)


def scales(records_by_level: dict[str, LevelRecords]) -> LevelTable:
    """Mean level and share within one level, as people label it and as the bank teaches it, of every row."""
    columns = [Column("system", "system")]
    for scale in _SCALES:
        columns += [Column(f"{scale}_level", "two_decimals"), Column(f"{scale}_interval", "interval")]
        columns += [Column(f"{scale}_within", "share"), Column(f"{scale}_within_interval", "share_interval")]
    rows = [row for records in records_by_level.values() for row in _on_scales(records)]
    return LevelTable("scales", tuple(columns), tuple(rows))


def bank_levels(records_by_level: dict[str, LevelRecords]) -> LevelTable:
    """Where people would place the bank's own sentences."""
    columns = (
        Column("reads_like", "text"),
        Column("mean_level", "two_decimals"),
        Column("sd", "two_decimals"),
        Column("within_one", "share"),
        Column("scored", "whole"),
    )
    return LevelTable("bank_levels", columns, tuple(_placed(records) for records in records_by_level.values()))


def readers(records_by_level: dict[str, LevelRecords]) -> LevelTable:
    """The share that readers would print, level by level."""
    columns = (
        Column("printable_tuned", "share"),
        Column("printable_tuned_interval", "share_interval"),
        Column("printable_untuned", "share"),
        Column("printable_gold", "share"),
        Column("rated_words", "whole"),
        Column("readers", "whole"),
    )
    return LevelTable("readers", columns, tuple(_rated(records) for records in records_by_level.values()))


def _ends(entry: Metric | Interval) -> tuple[float, float] | None:
    return None if entry.low is None or entry.high is None else (entry.low, entry.high)


def _state(records: LevelRecords) -> str:
    return "missing" if not records.is_done else "unknown" if records.adopted else "done"


def _summary(records: LevelRecords) -> dict:
    return {
        "level": records.level,
        "state": _state(records),
        "loss_reduction": records.comparison.results.completion.loss_reduction_pct,
        "perplexity_reduction": records.comparison.results.completion.perplexity_reduction_pct,
        "training_time": records.training.results.duration_s,
        "best_eval_loss": records.best.eval_loss,
        "best_epoch": records.best.epoch,
        "above_floor": records.above_floor,
    }


def _compared(records: LevelRecords) -> dict:
    found = records.comparison.results.completion
    return {
        "level": records.level,
        "state": _state(records),
        "examples": records.comparison.results.examples,
        "base_loss": found.base.loss,
        "tuned_loss": found.tuned.loss,
        "difference": found.difference.estimate,
        "interval": _ends(found.difference),
        "base_perplexity": found.base.perplexity,
        "tuned_perplexity": found.tuned.perplexity,
        "base_bits": found.base.bits_per_character,
        "tuned_bits": found.tuned.bits_per_character,
    }


def _answered(records: LevelRecords) -> dict:
    found = records.generation
    measures = {"joint": "joint_success", "covered": "covered", "control": "control_error"}
    values = {
        f"{name}_{row}": found.value(row, measure)
        for name, measure in measures.items()
        for row in ("base", "tuned", "gold")
    }
    return {"level": records.level, "state": _state(records), "slots": found.slots, **values}


def _varied(records: LevelRecords) -> dict:
    found = records.generation
    values = {f"{name}_{row}": found.value(row, name) for name in _OF_VARIETY for row in ("tuned", "gold")}
    told = {"told_from_bank_tuned": found.value("tuned", "told_from_bank")}
    return {"level": records.level, "state": _state(records), **values, **told}


def _on_scales(records: LevelRecords) -> list[dict]:
    """A row a system; one without values where no answers were measured."""
    about = {"level": records.level, "state": _state(records), "decimals": 2}
    if not records.generation:
        return [about]
    rows = []
    for system in (one for one in ROWS if records.generation.measures.get(one)):
        row = about | {"system": system}
        for scale, (level, within) in _SCALES.items():
            for key, measure in ((scale, level), (f"{scale}_within", within)):
                entry = records.generation.metric(system, measure)
                row[f"{key}_level" if key == scale else key] = entry.value
                row[f"{key}_interval"] = _ends(entry)
        rows.append(row)
    return rows


def _placed(records: LevelRecords) -> dict:
    found = records.dataset.results.placement
    return {
        "level": records.level,
        "state": _state(records),
        "reads_like": found.reads_like,
        "mean_level": found.mean,
        "sd": found.sd,
        "within_one": found.within_one,
        "scored": found.sentences,
    }


def _data_row(records: LevelRecords) -> dict:
    found = records.dataset.results
    return {
        "level": records.level,
        "state": _state(records),
        "train_examples": found.train_examples,
        "eval_examples": found.eval_examples,
        "sentence_words": found.sentence_words.mean,
        "tokens": found.tokens.eval.mean,
        "sentence_overlap": found.leak_audit.sentence_overlap.share,
        "floor": records.training_floor(records.loss_measure("eval_loss")),
        "best_eval_loss": records.best.eval_loss,
        "above_floor": records.above_floor,
    }


def _rated(records: LevelRecords) -> dict:
    found = records.ratings.results
    tuned = found.systems.get("tuned", SystemRating())
    untuned = [one.printable.value for row, one in found.systems.items() if row.startswith("base")]
    return {
        "level": records.level,
        "printable_tuned": tuned.printable.value,
        "printable_tuned_interval": _ends(tuned.printable),
        "printable_untuned": max((value for value in untuned if value is not None), default=None),
        "printable_gold": found.systems.get("gold", SystemRating()).printable.value,
        "rated_words": tuned.words,
        "readers": len(found.readers) or None,
    }
