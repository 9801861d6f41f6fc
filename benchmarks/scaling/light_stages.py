"""What the stages without a model take here, each as the engine starts it, and the libraries of those with one."""

import json
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import yaml

from benchmarks.scaling import cpu_time, graph
from cefr_helpers import configuration, recipe, records, showcase
from cefr_helpers.paths import EXPERIMENT_STAGE, STAGES

LEVEL = "B2"
_START = "import sys; from pathlib import Path; from cefr_helpers import training; training.import_unsloth(Path({!r}))"


def measure(grid: Path, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of format, take, plot, report and start, one number a round.

    Formatting makes the reference recipe's examples of the bundled bank; plots are those of the reference run; the
    report is over a grid's runs, each of which has the reference run's records.
    """
    with tempfile.TemporaryDirectory(prefix="cefr-stages-") as name:
        commands = _commands(Path(name), grid)
        found: dict[str, list[float]] = {stage: [] for stage in commands}
        for _ in range(rounds):
            for stage, command in commands.items():
                seconds, done = cpu_time.of_children(partial(subprocess.run, command, capture_output=True, text=True))
                if done.returncode != 0:
                    raise RuntimeError(f"{stage}: {done.stdout}{done.stderr}")
                found[stage].append(seconds)
                print(f"{stage}: {found[stage][-1]:.1f} s", flush=True)
    return found


def _commands(folder: Path, grid: Path) -> dict[str, list[str]]:
    own = {"output_root": str(folder / "run"), "user_data": str(folder / "run" / "user_data")}
    reference = recipe.load_recipe("reference").model_dump(mode="json") | {"base_model": "bundled"}
    settings = configuration.read(own | {"recipe": _written(folder / "formatting.yaml", reference)})
    of_plots = configuration.read(own)
    records_there = showcase.folder() / "runs" / LEVEL
    shutil.copytree(records_there, of_plots.workspace.run(LEVEL))
    # taken into the folder that stage 01 works in, as the engine's second rule does for each run
    taking = settings.model_copy(update={"output_root": str(folder / "taken")})
    stage = [sys.executable, "-m", "cefr_helpers.pipeline"]
    making = settings.model_copy(update={"output_root": str(folder / "made")})
    return {
        "format": [*stage, STAGES[0], LEVEL, making.model_dump_json()],
        "take": [sys.executable, "-m", "cefr_helpers.shared_data", LEVEL, making.output_root, taking.model_dump_json()],
        "plot": [*stage, STAGES[3], LEVEL, of_plots.model_dump_json()],
        "report": [*stage, EXPERIMENT_STAGE, *_experiment(folder / "experiment", grid)],
        "start": [sys.executable, "-c", _START.format(str(folder))],
    }


def _experiment(folder: Path, grid: Path) -> tuple[str, str]:
    """Name and configuration of an experiment whose runs are all done."""
    folder.mkdir()
    experiment = graph.read(grid, folder)
    graph.prepared(experiment)
    for run in experiment.runs:
        for level in run.settings.levels:
            for name in records.NAMES:
                record = json.loads((showcase.folder() / "runs" / LEVEL / f"{name}.json").read_text())
                own = {"level": level, "seed": run.settings.seed}
                own["recipe"] = experiment.recipes[Path(run.settings.recipe)].as_record(run.settings.recipe)
                records.write_atomically(run.workspace.record(level, name), records.as_text(record | own))
    return experiment.name, experiment.settings.model_dump_json()


def _written(path: Path, values: dict) -> str:
    path.write_text(yaml.safe_dump(values))
    return str(path)
