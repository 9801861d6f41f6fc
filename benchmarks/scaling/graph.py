"""The engine's own plan of an experiment: its jobs, what each waits for, and what each takes, out of its dry run."""

import json
import re
import tempfile
from pathlib import Path

from benchmarks.scaling.schedule import Planned
from cefr_helpers import configuration, engine, experiments, runs
from cefr_helpers.experiments import Experiment

_RULE = re.compile(r"(?:local)?rule (\S+):")
_FIELD = re.compile(r"    (threads|priority|resources): (.+)")


def of(grid: Path | str, cores: int, gpus: int) -> list[Planned]:
    """The jobs of an experiment on a machine with so many cores and GPUs, with nothing run yet.

    Args:
        grid: an experiment's file, or its text.

    Raises:
        RuntimeError: the dry run failed.
    """
    with tempfile.TemporaryDirectory(prefix="cefr-graph-") as folder:
        experiment = read(grid, Path(folder))
        limits = ["levels", "--cores", str(cores), "--resources", f"gpu={gpus}"]
        call = prepared(experiment)
        dag = json.loads(engine.told(*call, [*limits, "--d3dag"]).stdout)
        dry_run = engine.told(*call, [*limits, "--dry-run", "--quiet", "host"])
    names = {node["id"]: node["value"]["rule"] for node in dag["nodes"]}
    needs: dict[str, list[str]] = {name: [] for name in names.values()}
    for edge in dag["edges"]:
        needs[names[edge["v"]]].append(names[edge["u"]])
    taken = _fields(dry_run.stdout + dry_run.stderr)
    models = _models(experiment)
    return [_planned(name, tuple(needs[name]), taken[name], models) for name in needs if name != "levels"]


def read(grid: Path | str, folder: Path) -> Experiment:
    """An experiment that would be run in `folder`, from its file or its text."""
    if isinstance(grid, str):
        (folder / "grid.yaml").write_text(grid, encoding="utf-8")
        grid = folder / "grid.yaml"
    return experiments.read(str(grid), configuration.read({"output_root": str(folder), "user_data": str(folder)}))


def prepared(experiment: Experiment) -> tuple[dict, Path, Path]:
    """What the functions of `engine` are given for an experiment, whose files are written."""
    experiments.write(experiment)
    config = runs.to_config(experiment.settings, experiment.name, experiment.runs)
    return config, experiment.settings.workspace.experiment(experiment.name), engine.profile_folder("local")


def _fields(text: str) -> dict[str, dict[str, str]]:
    """Rule -> threads, priority and resources, as the dry run tells them; what it leaves out is missing."""
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if rule := _RULE.fullmatch(line.strip()):
            own = found[rule[1]] = {}
        elif found and (field := _FIELD.fullmatch(line)):
            own[field[1]] = field[2]
    return found


def _planned(name: str, needs: tuple[str, ...], taken: dict[str, str], models: dict[str, str]) -> Planned:
    kind, _, owner = name.split("_", 2)
    resources = dict(one.split("=", 1) for one in taken.get("resources", "").split(", ") if "=" in one)
    numbers = int(taken.get("threads", 1)), int(resources.get("gpu", 0)), int(taken.get("priority", 0))
    return Planned(name, kind, models[owner], needs, *numbers)


def _models(experiment: Experiment) -> dict[str, str]:
    """Name of a run, or of the data that runs share -> base model."""
    found = {}
    for run in experiment.runs:
        model = experiment.recipes[Path(run.settings.recipe)].base_model
        found |= {run.name: model, run.data_name: model}
    return found
