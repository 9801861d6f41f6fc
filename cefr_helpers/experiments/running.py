"""Run an experiment, and estimate beforehand what would run and what it would cost."""

import time
from collections import Counter
from pathlib import Path

from cefr_helpers.core.paths import STAGES, Stage
from cefr_helpers.core.progress import clock
from cefr_helpers.experiments import grid
from cefr_helpers.experiments.grid import Experiment
from cefr_helpers.pipeline import resources, runs, side_by_side, snakemake
from cefr_helpers.pipeline.resources import Estimate
from cefr_helpers.rendering.locale import load_locale


def run(experiment: Experiment, profile: Path) -> tuple[bool, list[str]]:
    """Run what is not up to date, then the report over the finished runs.

    Returns:
        Whether everything succeeded, and what failed, with cause and log.
    """
    workspace = experiment.settings.workspace
    folder = workspace.experiment(experiment.name)
    with snakemake.only_run(folder):
        grid.write(experiment)
        call, started = (_config(experiment, profile), folder, profile), time.time()
        recipes, forced = experiment.recipes.values(), runs.forced(experiment.runs)
        ok = side_by_side.run(*call, forced, recipes, workspace.output_root)
        if any(run.workspace.record(level, "comparison").is_file() for run, level in _all(experiment)):
            ok &= snakemake.snakemake(*call, ["report", "--allowed-rules", "report"])
    failures = [failure for run in experiment.runs for failure in run.failures(started)]
    report = folder / f"{Stage.EXPERIMENT}.failed.ipynb"
    if report.is_file() and report.stat().st_mtime >= started:
        failures.append(f"{Stage.EXPERIMENT}: see {report}")
    return ok and not failures, failures


def plan(experiment: Experiment, profile: Path) -> list[str]:
    """Return lines with the runs, what would run of each, and an estimate from measurements on this machine."""
    folder = experiment.settings.workspace.experiment(experiment.name)
    with snakemake.only_run(folder):
        grid.write(experiment)
        config = _config(experiment, profile)
        names = snakemake.planned(config, folder, profile, ["levels", *runs.forced(experiment.runs)])
    jobs, output_root = _jobs(experiment, names), experiment.settings.workspace.output_root
    recipes = {one.name: experiment.recipes[Path(one.settings.recipe)] for one in experiment.runs}
    stages = [(stage, recipes[name]) for stage, _, name in jobs if stage in STAGES]
    found = resources.total(stages, resources.measured(output_root))
    number = side_by_side.count(profile, recipes.values(), side_by_side.chains(jobs), output_root)
    told = _told(found, number) if stages else []
    return [*_listed(experiment, jobs), "", *_counted(jobs), *told, *_asked(config, jobs)]


def _config(experiment: Experiment, profile: Path) -> dict:
    recipes = {str(path): recipe for path, recipe in experiment.recipes.items()}
    needs = resources.for_profile(profile, recipes, experiment.settings.workspace.output_root)
    return runs.to_config(experiment.settings, experiment.name, experiment.runs) | needs


def _all(experiment: Experiment):
    return [(run, level) for run in experiment.runs for level in run.settings.levels]


def _jobs(experiment: Experiment, names: list[str]) -> list[tuple[str, str, str]]:
    """Return (stage, level, run) of each planned rule, shared data with the first run that needs it, without copies."""
    first = {run.data_name: run.name for run in reversed(experiment.runs)}
    return [(stage, level, first.get(run, run)) for stage, level, run in runs.planned_jobs(names)]


def _listed(experiment: Experiment, jobs: list[tuple[str, str, str]]) -> list[str]:
    todo: dict[str, list[str]] = {}
    for stage, level, name in jobs:
        if stage in STAGES:
            todo.setdefault(name, []).append(f"{level} {stage[:2]}")
    lines = [f"{one.name}: {', '.join(sorted(todo.get(one.name, []))) or 'up to date'}" for one in experiment.runs]
    levels = ", ".join(experiment.settings.levels)
    return [f"{experiment.name}: {len(experiment.runs)} runs, each of {levels}", *lines]


def _counted(jobs: list[tuple[str, str, str]]) -> list[str]:
    counts = Counter(stage for stage, _, _ in jobs if stage in STAGES)
    if not counts:
        return ["Everything is up to date."]
    return ["To run: " + ", ".join(f"{counts[stage]} x {stage}" for stage in STAGES if counts[stage])]


def _asked(config: dict, jobs: list[tuple[str, str, str]]) -> list[str]:
    """Return what the largest job of each stage that would run requests from a cluster."""
    if "needs" not in config:
        return []
    lines = []
    for stage in STAGES:
        found = [one[stage] for one in config["needs"].values() if stage in one]
        if stage in {stage for stage, _, _ in jobs}:
            megabytes, minutes = map(max, zip(*found, strict=True)) if found else resources.DEFAULTS[stage]
            why = "" if found else ", not measured yet"
            lines.append(f"A job of {stage} requests {megabytes} MB and {minutes} min from SLURM{why}")
    return lines


def _told(found: Estimate, number: int) -> list[str]:
    """Return the lines of an estimate; number: how many levels run side by side."""
    locale = load_locale("en")
    lines = []
    if found.seconds is not None:
        less = f"; less with {number} levels side by side, as they will run" if number > 1 else ""
        lines.append(f"Time: {clock(found.seconds)}, one job after another{less}")
        if found.tokens_per_s:
            low, high = found.tokens_per_s
            lines[-1] += f" (training measured at {low:.0f} to {high:.0f} tokens/s)"
        gpu = f", GPU {locale.gigabytes(found.gpu_memory_bytes)}" if found.gpu_memory_bytes else ""
        memory = locale.gigabytes(found.memory_bytes) if found.memory_bytes else "nothing to train"
        lines.append(f"Memory of the largest training: {memory}{gpu}")
        lines.append(f"Disk: {'not measured' if found.disk_bytes is None else locale.gigabytes(found.disk_bytes)}")
    if found.unknown:
        models = ", ".join(found.unknown)
        part = "Time, memory and disk" if found.seconds is None else "Without some jobs"
        where = f"on this machine (base model {models}); a finished level of such a run measures it"
        lines.append(f"{part}: not measured yet {where}")
    return lines
