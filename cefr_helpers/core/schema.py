"""The names in records, the three records of one level held together, and safe ways to look into them."""

from collections.abc import Iterable
from dataclasses import dataclass

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import LEVELS, check_level
from cefr_helpers.core.paths import ANSWER_PLOT_FILES, Workspace

MEASURES = ("completion", "full_text")
ROWS = ("base", "base_three_examples", "base_sampled", "tuned", "tuned_sampled", "gold", "trivial")
GATES = ("valid", "covered", "level_ok", "grammar_clean", "not_copied", "not_repetitive")
RATES = ("joint_success", *GATES)
SCORERS = ("full", "length_free", "length_only")
QUALITIES = ("qwk", "accuracy", "within_one", "rmse")
EXPORT_RECORD = "export.json"
_EXPORT_KEYS = {"merged_model", "quantisation", "file", "bytes", "sha256"}


@dataclass(frozen=True)
class LevelRecords:
    """What is recorded of a level; a stage that has not been run is None."""

    level: str
    dataset: dict | None = None
    training: dict | None = None
    comparison: dict | None = None


def read_level(workspace: Workspace, level: str) -> LevelRecords:
    """The records of `level`.

    Raises:
        InputError: the level is unknown or a record is broken.
    """
    check_level(level)
    return LevelRecords(level, *(records.read_if_there(workspace, level, name) for name in records.NAMES))


def read_levels(workspace: Workspace, levels: Iterable[str] = LEVELS) -> dict[str, LevelRecords]:
    """Level -> its records, in the order of LEVELS; levels without any record are there with None."""
    wanted = {check_level(level) for level in levels}
    return {level: read_level(workspace, level) for level in LEVELS if level in wanted}


def find(record: dict | None, path: str) -> object:
    """The value at a dotted path such as "results.best.epoch"; None where any part of it is missing."""
    found = record
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def has_records(held: LevelRecords) -> bool:
    """Whether training was run for the level; that is what makes it "done"."""
    return held.training is not None


def loss_measure(held: LevelRecords, key: str) -> str | None:
    """What a loss of the history was taken on: "completion", "full_text", or None where that is unknown.

    Our own evaluations score the completion whatever the training loss is taken on; those of an adopted run are the
    trainer's, on the same part as its training loss.

    Args:
        key: "train_loss" or "eval_loss".
    """
    if key == "eval_loss" and not adopted(held):
        return "completion"
    measure = find(held.training, "results.hyperparameters.loss_on")
    return measure if measure in MEASURES else None


def floor(held: LevelRecords, measure: str | None) -> float | None:
    """The memoriser's floor in nats a token, for a loss on "completion" or "full_text"."""
    return find(held.dataset, f"results.memoriser_floor.{measure}.nats_per_token")


def history(held: LevelRecords, key: str) -> list[dict]:
    """The entries of the training history that hold a value for `key`, in step order."""
    entries = find(held.training, "results.history") or []
    known = [entry for entry in entries if entry.get(key) is not None and entry.get("step") is not None]
    return sorted(known, key=lambda entry: entry["step"])


def best(held: LevelRecords) -> dict | None:
    """The best evaluation, {"step", "epoch", "eval_loss"}: as recorded, else the lowest of the history."""
    recorded = find(held.training, "results.best")
    if recorded and recorded.get("eval_loss") is not None:
        return {key: recorded.get(key) for key in ("step", "epoch", "eval_loss")}
    evaluations = history(held, "eval_loss")
    if not evaluations:
        return None
    lowest = min(evaluations, key=lambda entry: entry["eval_loss"])
    return {key: lowest.get(key) for key in ("step", "epoch", "eval_loss")}


def above_floor(held: LevelRecords) -> float | None:
    """The best evaluation loss minus the memoriser's floor of the same measure, nats a token."""
    lowest, ground = best(held), floor(held, loss_measure(held, "eval_loss"))
    return None if lowest is None or ground is None else lowest["eval_loss"] - ground


def adopted(held: LevelRecords) -> bool:
    """Whether the training was run elsewhere and taken in."""
    return find(held.training, "results.adopted") is not None


def model_name(held: LevelRecords) -> str | None:
    """The base model, as the training record names it."""
    return find(held.training, "results.base_model.name") or find(held.training, "recipe.base_model")


def identity(held: LevelRecords) -> dict:
    """What tells one merged model from another: its name and the digests of its files."""
    return {key: find(held.training, f"results.merged_model.{key}") for key in ("name", "files")}


def gguf_exports(workspace: Workspace, held: LevelRecords) -> list[dict]:
    """The records of the exports of the level's merged model that are there, by name of file.

    What else lies in the folder is passed over: it is no reason for a model card to fail.
    """
    there = []
    for path in workspace.exports().glob(f"*/{EXPORT_RECORD}"):
        try:
            record = files.read_json(path, "expected the record of an export")
        except InputError:
            continue
        if isinstance(record, dict) and record.keys() >= _EXPORT_KEYS and record["merged_model"] == identity(held):
            there += [record] if (path.parent / record["file"]).is_file() else []
    return sorted(there, key=lambda record: record["file"])


def figure_files(found: dict) -> dict[str, str]:
    """The figures there are of a record's answers: none of level scores where no level scorer could be trained."""
    scored = any((found.get("scores") or {}).values())
    return {name: file for name, file in ANSWER_PLOT_FILES.items() if scored or name != "level_scores"}
