"""Collect a group's results as JSON: medians over the rounds, with versions, machine and commit."""

import statistics
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.groups import Row
from benchmarks.settings import Settings
from benchmarks.workload import Workload
from cefr_helpers.core import code_version, files, records
from cefr_helpers.core.errors import InputError

SCHEMA = 1
SAME_LOSS = 0.01  # relative: a training whose loss differs more from the suite's does not count


def collect(group: str, rows: list[Row], found: dict[str, dict], settings: Settings, workload: Workload) -> dict:
    """Return the results of a group as plain values, without text of the bank."""
    tokens = workload.description["training_tokens"]
    made = [_row(row, found[row.name], tokens) for row in rows]
    if group == "training":
        _judge(made)
    if group in ("evaluation", "generation"):
        made = _compared(made)
    return {
        "schema": SCHEMA,
        "group": group,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": code_version.commit(),
        "hardware": records.hardware(),
        "settings": settings.as_record(),
        "workload": workload.description,
        "rows": made,
    }


def write(folder: Path, results: dict) -> Path:
    return files.write_atomically(folder / f"{results['group']}.json", records.as_text(results))


def read(folder: Path, group: str) -> dict | None:
    """Read a group's results; None if it was not measured.

    Raises:
        InputError: the file does not contain such results.
    """
    path = folder / f"{group}.json"
    if not path.is_file():
        return None
    results = files.read_json(path, "run the benchmark again")
    if not isinstance(results, dict) or results.get("schema") != SCHEMA or results.get("group") != group:
        raise InputError(f"{path}: no results of group {group!r} in schema {SCHEMA}; run the benchmark again")
    return results


def median(found: dict, name: str, key: str) -> float | None:
    """Return a row's median of a number; None if there is none."""
    return next((row["median"].get(key) for row in found["rows"] if row["name"] == name), None)


def _row(row: Row, found: dict, tokens: int) -> dict:
    measurements = found["measurements"]
    for one in measurements:
        if "train_s" in one:
            one["tokens_per_s"] = tokens / one["train_s"]
    last = measurements[-1] if measurements else {}
    return {
        "name": row.name,
        "label": row.label,
        "environment": row.environment,
        "settings": {key: value for key, value in row.told.items() if not _is_path(value)},
        "versions": last.get("versions", {}),
        **({"shares": last["shares"]} if "shares" in last else {}),
        "failed": found["failed"],
        "measurements": [
            {key: value for key, value in one.items() if key not in ("versions", "shares")} for one in measurements
        ],
        "median": _medians(measurements),
        "range": {
            key: [min(one[key] for one in measurements), max(one[key] for one in measurements)]
            for key in _numbers(measurements)
        },
    }


def _is_path(value: object) -> bool:
    return isinstance(value, str) and value.startswith("/")


def _numbers(measurements: list[dict]) -> list[str]:
    return [key for key, value in measurements[0].items() if _is_number(value)] if measurements else []


def _medians(measurements: list[dict]) -> dict:
    """Return the medians of every number, and of the seconds of every stage of the notebooks."""
    found = {key: statistics.median(one[key] for one in measurements) for key in _numbers(measurements)}
    stages = measurements[0].get("stages", {}) if measurements else {}
    if stages:
        found["stages"] = {
            stage: {kind: statistics.median(one["stages"][stage][kind] for one in measurements) for kind in seconds}
            for stage, seconds in stages.items()
        }
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _judge(rows: list[dict]) -> None:
    """Mark whether a training counts: its loss must be within SAME_LOSS of the suite's."""
    suite = next((row["median"].get("loss") for row in rows if row["name"] == "suite"), None)
    for row in rows:
        loss = row["median"].get("loss") if "train_s" in row["median"] else None
        row["counts"] = None if loss is None or suite is None else abs(loss / suite - 1) <= SAME_LOSS


def _compared(rows: list[dict]) -> list[dict]:
    """Replace answers by the results of the fp32 checks: how many are the same, and how far losses are apart."""
    by_name = {row["name"]: row for row in rows}
    _same_answers(by_name.get("batched_fp32"), by_name.get("one_by_one_fp32"))
    _same_losses(by_name.get("suite_fp32"), by_name.get("two_models_fp32"))
    for row in rows:
        for one in row["measurements"]:
            one.pop("answers", None)
    return rows


def _same_answers(suite: dict | None, peer: dict | None) -> None:
    if suite and peer and suite["measurements"] and peer["measurements"]:
        pairs = zip(suite["measurements"][0]["answers"], peer["measurements"][0]["answers"], strict=True)
        same = [one == other for one, other in pairs]
        suite["check"] = {"same_answers": sum(same), "of": len(same)}


def _same_losses(suite: dict | None, peer: dict | None) -> None:
    if suite and peer and suite["median"] and peer["median"]:
        apart = [abs(suite["median"][key] - peer["median"][key]) for key in ("base_loss", "tuned_loss")]
        suite["check"] = {"largest_difference_of_losses": max(apart)}
