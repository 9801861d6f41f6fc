"""The status of each level: what is done, how old it is, whether its inputs changed, and what would run next."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cefr_helpers.core import ratings, recipes, records
from cefr_helpers.core.errors import InputError, required
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import STAGES, Stage, Workspace, project_root
from cefr_helpers.core.records import AnyRecord
from cefr_helpers.core.schema import TrainingRecord
from cefr_helpers.data import banks
from cefr_helpers.pipeline import stages
from cefr_helpers.pipeline.configuration import RunConfig

_UNITS = (("d", 86400), ("h", 3600), ("min", 60))


@dataclass(frozen=True)
class StageStatus:
    """One stage of one level.

    Attributes:
        state: "done", "adopted", "not run", "broken" or "out of date".
        age_s: seconds since it was made; None if it was not.
        reason: why it would run again; empty if it would not.
    """

    level: str
    stage: str
    state: str
    age_s: float | None
    reason: str


def of_all(settings: RunConfig) -> list[StageStatus]:
    """Return every stage of the requested levels, and of others that have records, in the order of LEVELS."""
    workspace = settings.workspace
    there = [level for level in LEVELS if any(workspace.record(level, name).is_file() for name in records.NAMES)]
    wanted = [level for level in LEVELS if level in (*settings.levels, *there)]
    return [status for level in wanted for status in of_level(settings, level)]


def of_level(settings: RunConfig, level: str) -> list[StageStatus]:
    """Return the stages of a level; a stage that depends on one that would run is out of date itself."""
    found: list[StageStatus] = []
    before = None
    for stage in STAGES:
        status = _of_stage(settings, level, stage)
        if before and not status.reason:
            status = StageStatus(level, stage, "out of date", status.age_s, f"{before} would run first")
        before = before or (stage if status.reason else None)
        found.append(status)
    return found


def table(found: list[StageStatus]) -> str:
    """Return the status as aligned columns for a terminal."""
    rows = [("level", "stage", "state", "age", "why")]
    rows += [(one.level, one.stage, one.state, age(one.age_s), one.reason) for one in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def next_line(found: list[StageStatus], settings: RunConfig) -> str:
    """Say what `cefr run` would start with these settings: each level's first stage, and how many follow."""
    parts = []
    for level in settings.levels:
        due = [one.stage for one in found if one.level == level and one.reason]
        if due:
            parts.append(f"{level} {due[0]}" + (f" and {len(due) - 1} more" if len(due) > 1 else ""))
    return "Next: " + ("; ".join(parts) or "nothing, all is up to date")


def age(seconds: float | None) -> str:
    """Return an age in its largest whole unit: 3 d, 5 h, 12 min; "now" below a minute, "-" for none."""
    if seconds is None:
        return "-"
    return next((f"{seconds // size:.0f} {unit}" for unit, size in _UNITS if seconds >= size), "now")


def _of_stage(settings: RunConfig, level: str, stage: Stage) -> StageStatus:
    workspace = settings.workspace
    missing = [path for path in stages.outputs(workspace, stage, level) if not path.is_file()]
    name = stage.record
    if name is None:
        return _of_notes(workspace, level, stage, missing)
    try:
        record = records.read_if_there(workspace, level, name)
        if record is None:
            return StageStatus(level, stage, "not run", None, "never run")
        age_s = (datetime.now(UTC) - datetime.fromisoformat(required(record.created))).total_seconds()
    except (InputError, ValueError, TypeError):
        return StageStatus(level, stage, "broken", None, f"{name}.json is not a record")
    if stages.unfinished_mark(workspace, stage, level).is_file():
        return StageStatus(level, stage, "out of date", age_s, "its last run did not finish, or is at work now")
    adopted = isinstance(record, TrainingRecord) and record.results.adopted
    reasons = _changed(record.inputs) if adopted else _changes(settings, level, stage, record)
    changed = next(reasons, None)
    if changed:
        return StageStatus(level, stage, "out of date", age_s, changed)
    if adopted:
        return StageStatus(level, stage, "adopted", age_s, "trained elsewhere")
    if missing:
        return StageStatus(level, stage, "out of date", age_s, f"{missing[0].name} is gone")
    return StageStatus(level, stage, "done", age_s, "")


def _of_notes(workspace: Workspace, level: str, stage: str, missing: list[Path]) -> StageStatus:
    """Return the status of plots and note, which have no record: they are out of date when a record is newer."""
    made = [path.stat().st_mtime for path in stages.outputs(workspace, stage, level) if path.is_file()]
    if not made:
        return StageStatus(level, stage, "not run", None, "never run")
    age_s = time.time() - max(made)
    if missing:
        return StageStatus(level, stage, "out of date", age_s, f"{missing[0].name} is gone")
    if changed := next(_code(workspace, level, stage), None):
        return StageStatus(level, stage, "out of date", age_s, changed)
    for name in records.NAMES:
        if _created(workspace, level, name) > min(made):
            return StageStatus(level, stage, "out of date", age_s, f"{name}.json is newer")
    read = workspace.record(level, ratings.NAME)
    if read.is_file() and read.stat().st_mtime > min(made):
        return StageStatus(level, stage, "out of date", age_s, f"{read.name} is newer")
    return StageStatus(level, stage, "done", age_s, "")


def _created(workspace: Workspace, level: str, name: str) -> float:
    """Return when the content of a record was first written (seconds since 1970); 0 without a record."""
    try:
        return records.created_s(records.read_if_there(workspace, level, name))
    except InputError:
        return 0.0  # its own stage reports that it is broken


def _changes(settings: RunConfig, level: str, stage: Stage, record: AnyRecord) -> Iterator[str]:
    """Yield the reasons why a record is no longer what these settings would give."""
    yield from _changed(record.inputs)
    if stage == Stage.FORMAT:
        bank = records.hash_inputs(banks.find(settings.sentence_bank, level).values())
        if bank != record.inputs:
            yield "another sentence bank is requested"
    if record.seed != settings.seed:
        yield f"seed {record.seed}, now {settings.seed}"
    now = recipes.load_recipe(settings.recipe)
    for key, value in now.part(recipes.keys_of_stage(stage, now.keep_best_by)).items():
        if (before := recipes.recorded(record.recipe, key)) != value:
            yield f"{key} {before}, now {value}"
    if isinstance(record, TrainingRecord):
        for path in (record.results.adapter.path, record.results.merged_model.path):
            if path and not (project_root() / path).is_dir():
                yield f"{path} is gone"
    yield from _code(settings.workspace, level, stage)


def _changed(digests: dict[str, str]) -> Iterator[str]:
    """Return which files are gone or have changed since a run."""
    for path, there in records.changed_files(digests):
        yield f"{path.name} {'changed' if there else 'is gone'}"


def _code(workspace: Workspace, level: str, stage: str) -> Iterator[str]:
    """Return which code changed since: the stage's notebook, or a module, template or phrase that it uses."""
    return _changed(stages.code_of(stages.executed_notebook(workspace, stage, level)))
