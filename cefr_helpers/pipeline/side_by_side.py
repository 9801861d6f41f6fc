"""How many trainings and comparisons run side by side on a machine without a GPU.

On two cores, two trainings with one core each take 1.3 times as long as one with both (docs/lab_log.md): the matrix
products of a small model are too small to share. With GPUs the profile's number of GPUs decides.
"""

from collections.abc import Iterable
from pathlib import Path

from cefr_helpers.core import records
from cefr_helpers.core.paths import Stage, project_root
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.pipeline import gpus, resources, runs, snakemake
from cefr_helpers.training import distributed


def run(config: dict, folder: Path, profile: Path, forced: list[str], recipes: Iterable[Recipe], root: Path) -> bool:
    """Run what is not up to date of all levels, and say how many run side by side; return whether all succeeded.

    Args:
        config, folder, profile: see `snakemake.snakemake`.
        forced: see `runs.forced`.
        root: output folder whose trainings tell how much memory one takes.
    """
    call, targets = (config, folder, profile), ["levels", *forced]
    number = count(profile, recipes, _cores(), root)
    if number > 1:  # of the levels that are left: a single one gets all cores
        number = min(number, chains(runs.planned_jobs(snakemake.planned(*call, targets))))
    for line in told(number):
        print(line, flush=True)
    return snakemake.snakemake(*call, [*targets, *options(number)])


def chains(jobs: list[tuple[str, str, str]]) -> int:
    """Return how many levels, over all runs, have a training or a comparison among planned jobs; at least 1.

    Args:
        jobs: from `runs.planned_jobs`.
    """
    return len({(level, name) for stage, level, name in jobs if stage in (Stage.TRAIN, Stage.COMPARE)}) or 1


def count(profile: Path, recipes: Iterable[Recipe], most: int, output_root: Path) -> int:
    """Return the number: one per core, as far as free memory allows by what trainings of these base models took.

    It is 1 with another profile than `local`, with a GPU, with a training in several processes, and for a base model of
    which no training is known.

    Args:
        most: the largest number that is of use.
    """
    import psutil

    if profile != project_root() / "profiles" / "local" or gpus.visible() or distributed.requested() > 1:
        return 1
    here, elsewhere = resources.measured(output_root), resources.reference_run()
    needed = [resources.memory_of_job(recipe, here, elsewhere) for recipe in recipes]
    if None in needed:
        return 1
    fitting = psutil.virtual_memory().available // max(one for one in needed if one)
    return max(1, min(most, _cores(), fitting))


def options(number: int) -> list[str]:
    """Return Snakemake's options for this number; its jobs then share the cores evenly."""
    return ["--resources", f"gpu={number}"] if number > 1 else []


def told(number: int) -> list[str]:
    """Return a line about it for the terminal, if there is something to say."""
    cores = _cores() // number
    each = "one core" if cores == 1 else f"{cores} cores"
    return [f"Without a GPU, {number} levels run side by side, each with {each}."] if number > 1 else []


def _cores() -> int:
    return records.hardware()["cores"] or 1
