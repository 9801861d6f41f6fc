"""Run the stage notebooks as the batch does, and sort their time: start, imports, loading, work, merging, rest."""

import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.peers import common
from cefr_helpers.core.paths import STAGES, Stage
from cefr_helpers.pipeline import stages as pipeline
from cefr_helpers.pipeline.configuration import RunConfig

# Kinds by text in a cell, the first that fits; other cells are neither waiting nor a model's work.
MERGING = ("saving.merge(",)
LOADING = ("tuning.load(", "adapters.load(")
WORK = (
    "tuning.tune(",
    "comparison.score(",
    "comparison.agreement(",
    "comparison.answers(",
    "baselines.sampled_answers(",
    "level_scorers.train(",
    "summary.measure(",
)
KINDS = {"loading": LOADING, "merging": MERGING, "work": WORK}


def main(spec: dict) -> None:
    settings = settings_of(spec, spec["recipe"])
    stages = {stage: timed(stage, spec["level"], settings) for stage in (*STAGES, Stage.REPORT)}
    common.write(spec, ["torch", "transformers", "trl", "peft", "unsloth", "papermill"], stages=stages)


def settings_of(spec: dict, recipe: str) -> RunConfig:
    """Return the settings of a run in the specification's folder."""
    folder = Path(spec["folder"])
    return RunConfig(
        levels=[spec["level"]],
        recipe=recipe,
        sentence_bank=spec["bank"],
        language="en",
        output_root=str(folder / "out"),
        user_data=str(folder / "user_data"),
        seed=spec["seed"],
    )


def timed(stage: str, level: str, settings: RunConfig, kinds: dict[str, tuple] = KINDS) -> dict[str, float]:
    """Return the seconds of one stage by kind, see `sorted_seconds`."""
    level = "-" if stage in (Stage.REPORT, Stage.EXPERIMENT) else level
    command = [sys.executable, "-m", "cefr_helpers.pipeline.stages", stage, level, settings.model_dump_json()]
    started = time.monotonic()
    subprocess.run(command, check=True)
    wall_s = time.monotonic() - started
    executed = pipeline.executed_notebook(settings.workspace, stage, "" if level == "-" else level)
    return sorted_seconds(json.loads(executed.read_text(encoding="utf-8")), wall_s, kinds)


def sorted_seconds(notebook: dict, wall_s: float, kinds: dict[str, tuple] = KINDS) -> dict[str, float]:
    """Return an executed notebook's seconds by kind.

    Args:
        wall_s: seconds from the start of the stage's process to its end.
        kinds: kind -> texts by which a cell is of this kind, the first that fits.

    Returns:
        Also `imports`, `rest` (cells of no kind), `wall`, and `start`, the time outside cells: interpreter, papermill,
        kernel.
    """
    seconds = dict.fromkeys(("start", "imports", *kinds, "rest"), 0.0)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            seconds[kind("".join(cell["source"]), kinds)] += cell["metadata"]["papermill"]["duration"] or 0.0
    return seconds | {"start": wall_s - sum(seconds.values()), "wall": wall_s}


def kind(source: str, kinds: dict[str, tuple]) -> str:
    other = "imports" if source.startswith(("import ", "from ")) else "rest"
    return next((name for name, marks in kinds.items() if any(mark in source for mark in marks)), other)


if __name__ == "__main__":
    main(common.specification())
