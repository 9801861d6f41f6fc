"""Measure rows in turns, round by round, so that a noisy hour affects all of them; resume where it was stopped."""

import json
import shutil
import time
from pathlib import Path

from benchmarks import environments, groups, processes
from benchmarks.groups import Row
from benchmarks.settings import Settings
from benchmarks.workload import Workload
from cefr_helpers.core import files
from cefr_helpers.core.progress import clock
from cefr_helpers.models import model_files

_MOST_TIMES_AS_LONG = 10  # times the estimate, before a program is ended
_AT_LEAST_S = 900
_ADAPTER = "adapter"  # folder that a training writes


def measure(rows: list[Row], settings: Settings, workload: Workload) -> dict[str, dict]:
    """Return all measurements of the rows.

    A measurement that is in the workload's folder is not repeated. A row that fails is skipped in the following rounds,
    but is tried again when the benchmark is started again.

    Returns:
        Name of a row -> {"measurements": [...], "failed": None or why}.
    """
    turns = [(row, turn) for turn in range(settings.repeats) for row in rows if turn < _rounds(row, settings)]
    missing = [one for one in turns if not _file(workload, *one).is_file()]
    there = len(turns) - len(missing)
    _say(f"{len(turns)} measurements, {there} of them there already, about {_left(missing, {})} to go")
    failed = _install([row for row, _ in missing])
    found = {row.name: {"measurements": [], "failed": failed.get(row.environment)} for row in rows}
    spent: dict[str, float] = {}
    for place, (row, turn) in enumerate(turns, 1):
        file = _file(workload, row, turn)
        if not file.is_file() and not found[row.name]["failed"]:
            started = time.monotonic()
            try:
                files.write_atomically(file, json.dumps(_one(row, turn, settings, workload)))
            except processes.ProgramFailed as error:
                found[row.name]["failed"] = str(error)
            spent[row.name] = time.monotonic() - started
        if file.is_file():
            found[row.name]["measurements"].append(json.loads(file.read_text(encoding="utf-8")))
        left = [
            one for one in turns[place:] if not _file(workload, *one).is_file() and not found[one[0].name]["failed"]
        ]
        _say(f"{place} of {len(turns)}: {row.label}: {_short(found[row.name])}; about {_left(left, spent)} to go")
    return found


def _install(rows: list[Row]) -> dict[str, str]:
    """Create the rows' environments before anything is timed; return environment -> why, for those that failed."""
    failed = {}
    for name in dict.fromkeys(row.environment for row in rows):
        try:
            environments.python(name)
        except environments.NotInstalled as error:
            failed[name] = str(error)
            _say(f"environment {name}: FAILED: {error}")
    return failed


def _one(row: Row, turn: int, settings: Settings, workload: Workload) -> dict:
    """Run one measurement; after a training, a separate program also measures the loss of the trained model."""
    folder = workload.folder / "runs" / row.group / f"{row.name}-{turn}"
    limit_s = max(_AT_LEAST_S, _MOST_TIMES_AS_LONG * row.guess_s)
    told = row.told | ({"adapter": str(adapter(workload))} if row.group == "evaluation" else {})
    found = processes.measure(environments.python(row.environment), row.path, told, folder, limit_s)
    if row.group == "training" and "train_s" in found:
        scored = told | {key: found.get(key) for key in ("adapter", "merged")} | {"examples": settings.loss_examples}
        program = groups.HERE / "programs" / "score_trained.py"
        python = environments.python(environments.OWN)
        found["loss"] = processes.measure(python, program, scored, folder / "score", limit_s)["loss"]
    for name in ("adapter", "merged"):
        found.pop(name, None)
    _tidy(folder)
    return found


def _tidy(folder: Path) -> None:
    """Remove a program's folders except the adapter, because checkpoints and copies of the model fill a disk."""
    for path in folder.iterdir():
        if path.is_dir() and path.name != _ADAPTER:
            shutil.rmtree(path, ignore_errors=True)


def forget(names: list[str], workload: Workload) -> None:
    """Remove the measurements of finished groups, so that another benchmark of the same code measures them again."""
    for name in names:
        shutil.rmtree(workload.folder / "measurements" / name, ignore_errors=True)


def adapter(workload: Workload) -> Path:
    """Return the adapter of the suite's own first training, which the evaluation needs.

    Raises:
        processes.ProgramFailed: that training was not run.
    """
    folder = workload.folder / "runs" / "training" / f"{groups.SUITE}-0" / _ADAPTER
    if not (folder / model_files.ADAPTER_WEIGHTS).is_file():
        raise processes.ProgramFailed("the group training comes first: its first row writes the adapter")
    return folder


def _rounds(row: Row, settings: Settings) -> int:
    return settings.repeats if row.repeats is None else min(row.repeats, settings.repeats)


def _file(workload: Workload, row: Row, turn: int) -> Path:
    return workload.folder / "measurements" / row.group / f"{row.name}-{turn}.json"


def _left(turns: list[tuple[Row, int]], spent: dict[str, float]) -> str:
    return clock(sum(spent.get(row.name, row.guess_s) for row, _ in turns))


def _short(found: dict) -> str:
    if found["failed"]:
        return f"FAILED: {found['failed']}"
    shown = ("train_s", "loss", "seconds", "tokens_per_s", "wall_s")
    last = found["measurements"][-1]
    return ", ".join(f"{key} {last[key]:.4g}" for key in shown if isinstance(last.get(key), float))


def _say(line: str) -> None:
    print(f"benchmark | {line}", flush=True)
