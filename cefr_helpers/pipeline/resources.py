"""What a stage's job asks a cluster for: what the like of it took, else a default; twice as much with every try."""

import math
from collections.abc import Callable
from pathlib import Path

from cefr_helpers.core.paths import STAGES
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.pipeline import estimate, slurm
from cefr_helpers.training import distributed

# Stage -> (megabytes, minutes), where nothing was measured. Data and plots are made by one process on one core.
DEFAULTS = dict(zip(STAGES, ((2000, 30), (8000, 240), (8000, 120), (2000, 15)), strict=True))
# Another node may be slower than the one measured, and a job ends when its time is over: twice, and ten minutes for the
# start. Memory varies less; the stage's own process and the engine's on the node take the rest.
_TIME_SPARE, _START_S, _MEMORY_SPARE, _BESIDE_MB = 2.0, 600, 1.25, 1000
# The training's record says what it took at most. The comparison holds a model without gradients and optimizer.
_MEASURED_MEMORY = STAGES[1:3]


def for_profile(profile: Path, recipes: dict[str, Recipe], output_root: Path) -> dict:
    """The part of the engine's configuration that says what jobs ask for; empty where a profile stays on this machine.

    Args:
        recipes: the recipe's path or name in the run's configuration -> the recipe.
    """
    return {"needs": needs(recipes, output_root)} if slurm.uses_slurm(profile) else {}


def needs(recipes: dict[str, Recipe], output_root: Path) -> dict[str, dict[str, list[int]]]:
    """Recipe's path or name -> stage -> [megabytes, minutes], from the runs under an output folder.

    Nodes are not the machine that submits, so runs of every machine count, and of those with a like recipe the slowest
    and the largest. What was not measured is missing.
    """
    known = estimate.measured(output_root, anywhere=True)
    return {name: _of_recipe(recipe, known) for name, recipe in recipes.items()}


def asked(found: dict, recipe: str, stage: str) -> dict[str, Callable]:
    """The rule's resources mem_mb and runtime (minutes), and the number of the try, with which Snakemake calls them.

    Args:
        found: from `needs`.
    """
    megabytes, minutes = found.get(recipe, {}).get(stage, DEFAULTS[stage])
    megabytes *= distributed.asked(stage)  # a record tells the memory of one process
    return {"mem_mb": _doubling(megabytes), "runtime": _doubling(minutes), "attempt": _attempt}


def _of_recipe(recipe: Recipe, known: list[estimate.Measured]) -> dict[str, list[int]]:
    found = {}
    for stage in STAGES:
        most = estimate.most(stage, recipe, known)
        if most is not None:
            seconds, memory_bytes = most
            megabytes = math.ceil(memory_bytes / 1e6 * _MEMORY_SPARE) + _BESIDE_MB
            minutes = math.ceil((seconds * _TIME_SPARE + _START_S) / 60)
            found[stage] = [megabytes if stage in _MEASURED_MEMORY else DEFAULTS[stage][0], minutes]
    return found


def _doubling(amount: int) -> Callable[..., int]:
    def of(wildcards, attempt):
        return amount * 2 ** (attempt - 1)

    return of


def _attempt(wildcards, attempt) -> int:
    return attempt
