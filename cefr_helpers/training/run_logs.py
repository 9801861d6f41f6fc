"""Read the logs of a run trained elsewhere: a Hugging Face `trainer_state.json`, or TensorBoard event files."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

from cefr_helpers.core import files as json_files
from cefr_helpers.core.errors import InputError

STATE = "trainer_state.json"
_EVENTS = "events.out.tfevents.*"
_NAMES = {"loss": "train_loss", "eval_loss": "eval_loss", "learning_rate": "learning_rate", "grad_norm": "grad_norm"}
_LARGEST = 1e300  # larger than any step, loss or count of a real run; NaN and infinity are not below it either
_TAGS = {
    "train/loss": "train_loss",
    "eval/loss": "eval_loss",
    "train/learning_rate": "learning_rate",
    "train/grad_norm": "grad_norm",
}


@dataclass(frozen=True)
class RunLog:
    """The content of a run's logs.

    Attributes:
        files: the files it was read from.
        history: as in our training records: step, epoch and logged values, in step order.
        facts: further values under the names of the trainer's arguments or state; missing means unknown.
    """

    files: tuple[Path, ...]
    history: list[dict]
    facts: dict


def read(source: Path) -> RunLog:
    """Read the logs in `source`: its trainer_state.json, that of its newest checkpoint, or its event files.

    Raises:
        InputError: the folder is missing, has no logs, logs of several runs, or a file that can't be read.
    """
    if not source.is_dir():
        raise InputError(f"{source}: no such folder; expected the folder of a training run")
    states = [source / STATE, *(checkpoint / STATE for checkpoint in _newest_first(source))]
    state = next((path for path in states if path.is_file()), None)
    log = read_state(state) if state else read_events(source)
    if not log.history:
        raise InputError(f"{log.files[0]}: contains no loss at any step, so there is nothing to import")
    return log


def read_state(path: Path) -> RunLog:
    """Read a trainer_state.json.

    Raises:
        InputError: it is not one.
    """
    state = json_files.read_json(path, f"expected a Hugging Face {STATE}")
    state = state if isinstance(state, dict) else {}
    log = state.get("log_history")
    if not isinstance(log, list) or not all(isinstance(entry, dict) for entry in log):
        raise InputError(f"{path}: has no list log_history; expected a Hugging Face {STATE}")
    keys = ("global_step", "max_steps", "num_train_epochs", "train_batch_size", "logging_steps", "eval_steps")
    facts = {key: number for key in keys if (number := _number(state.get(key))) is not None}
    for entry in log:
        facts |= {"train_runtime": entry["train_runtime"]} if _number(entry.get("train_runtime")) is not None else {}
    seen = _number(state.get("num_input_tokens_seen"))
    return RunLog((path,), _history(log), facts | ({"num_input_tokens_seen": seen} if seen else {}))


def read_events(source: Path) -> RunLog:
    """Read the TensorBoard event files at or under `source`, as the Hugging Face trainer writes them.

    Raises:
        InputError: there are none, or they are in several folders and so may belong to several runs.
    """
    files = tuple(sorted(source.rglob(_EVENTS)))
    if not files:
        raise InputError(f"{source}: contains neither {STATE}, nor checkpoint-*/{STATE}, nor TensorBoard event files")
    folders = sorted({file.parent for file in files})
    if len(folders) > 1:
        names = ", ".join(str(folder) for folder in folders[:5])
        raise InputError(f"{source}: event files in {len(folders)} folders ({names}); give the folder of one run")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folders[0]), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    series = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    epochs = {point.step: point.value for point in series.get("train/epoch", [])}
    log = [
        {"step": point.step, "epoch": epochs.get(point.step), name: _single(point.value)}
        for tag, name in _TAGS.items()
        for point in series.get(tag, [])
    ]
    facts = _logged_arguments(events)
    if series.get("train/train_runtime"):
        facts["train_runtime"] = _single(series["train/train_runtime"][-1].value)
    return RunLog(files, _merged(log), facts)


def _newest_first(source: Path) -> list[Path]:
    numbered = [(re.fullmatch(r"checkpoint-(\d+)", folder.name), folder) for folder in source.glob("checkpoint-*")]
    return [folder for found, folder in sorted(((int(f[1]), path) for f, path in numbered if f), reverse=True)]


def _history(log: list[dict]) -> list[dict]:
    rows = []
    for entry in log:
        found = {_NAMES[key]: number for key in _NAMES if (number := _number(entry.get(key))) is not None}
        step = _number(entry.get("step"))
        if found and step is not None:
            rows.append({"step": int(step), "epoch": _number(entry.get("epoch")), **found})
    return sorted(rows, key=lambda row: row["step"])


def _merged(log: list[dict]) -> list[dict]:
    """Return training values of one step in one row, and evaluations in separate rows, as in a trainer's log."""
    rows: dict[tuple, dict] = {}
    for entry in log:
        known = {key: number for key, number in entry.items() if key == "epoch" or number is not None}
        if known.keys() & set(_TAGS.values()):
            rows.setdefault((entry["step"], "eval_loss" in entry), {}).update(known)
    return [rows[key] for key in sorted(rows)]


def _logged_arguments(events) -> dict:
    """Return the trainer's arguments, which the Hugging Face callback logs as a text."""
    if "args/text_summary" not in events.Tags()["tensors"]:
        return {}
    text = events.Tensors("args/text_summary")[0].tensor_proto.string_val[0]
    try:
        arguments = json.loads(text)
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def _single(value: float) -> float | None:
    """Return a 32-bit number with its significant digits: 0.0002, not 0.00019999999494757503."""
    return float(f"{value:.7g}") if math.isfinite(value) else None


def _number(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST:
        return value
    return None
