"""Measurements of earlier trainings, and what a job requests from a cluster by them, doubled with every attempt."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cefr_helpers.core import records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import STAGES, Stage, Workspace, project_root, resolve
from cefr_helpers.core.recipes import DATA_KEYS, TRAINING_KEYS, Recipe, recorded
from cefr_helpers.core.schema import TrainingResults
from cefr_helpers.pipeline import slurm
from cefr_helpers.training import distributed

# Stage -> (megabytes, minutes), if nothing was measured. Data and plots are made by one process on one core.
DEFAULTS: dict[str, tuple[int, int]] = {
    Stage.FORMAT: (2000, 30),
    Stage.TRAIN: (8000, 240),
    Stage.COMPARE: (8000, 120),
    Stage.PLOT: (2000, 15),
}
# Another node may be slower than the measured one, and a job ends when its time is over: so twice the time, plus ten
# minutes for the start. Memory varies less; the rest is for the stage's own process and Snakemake's on the node.
_TIME_SPARE, _START_S, _MEMORY_SPARE, _BESIDE_MB = 2.0, 600, 1.25, 1000
_FURTHEST = 4  # times as many tokens to generate, for an estimate in proportion to them
# The training's record has its peak. The comparison has a model without gradients and optimizer in memory.
_BASE_KEYS = ("base_model", "base_model_revision", "load_in_4bit")
_SAME_MACHINE = ("cpu", "cores", "system")


@dataclass(frozen=True)
class Measured:
    """A finished training on this machine, with its level's other stages.

    Attributes:
        recipe: the recipe in its record.
        stage_s: stage -> seconds that its notebook took; stages that did not run are missing.
        training_s: seconds of the training only, without loading, saving and merging.
        disk_bytes: size of adapter, merged model and run folder; None if the models are gone.
    """

    recipe: dict
    stage_s: dict[str, float]
    training_s: float
    tokens_per_s: float
    memory_bytes: int
    gpu_memory_bytes: int | None
    disk_bytes: int | None


@dataclass(frozen=True)
class Estimate:
    """The sum over planned jobs; None if nothing comparable was measured.

    Attributes:
        seconds: time with one job after another.
        memory_bytes: memory of the largest job.
        disk_bytes: size of what will be kept.
        unknown: base models of planned jobs for which this machine has no measurement.
    """

    seconds: float | None
    memory_bytes: int | None
    gpu_memory_bytes: int | None
    disk_bytes: float | None
    tokens_per_s: tuple[float, float] | None
    unknown: tuple[str, ...]


def for_profile(profile: Path, recipes: dict[str, Recipe], output_root: Path) -> dict:
    """Return the part of Snakemake's configuration with jobs' requests; empty if a profile stays on this machine.

    Args:
        recipes: the recipe's path or name in the run's configuration -> the recipe.
    """
    return {"needs": estimate_requests(recipes, output_root)} if slurm.uses_slurm(profile) else {}


def estimate_requests(recipes: dict[str, Recipe], output_root: Path) -> dict[str, dict[str, list[int]]]:
    """Return recipe's path or name -> stage -> [megabytes, minutes], from the runs under an output folder.

    Nodes differ from the machine that submits, so runs of every machine count, and of those with a similar recipe the
    slowest and the largest. What was not measured is missing.
    """
    known = measured(output_root, anywhere=True)
    return {name: _of_recipe(recipe, known) for name, recipe in recipes.items()}


def rule_resources(found: dict, recipe: str, stage: str) -> dict[str, Callable]:
    """Return a rule's resources mem_mb and runtime (minutes), as functions of the attempt that Snakemake passes.

    Args:
        found: from `estimate_requests`.
    """
    megabytes, minutes = found.get(recipe, {}).get(stage, DEFAULTS[stage])
    megabytes *= distributed.requested(stage)  # a record has the memory of one process
    return {"mem_mb": _doubling(megabytes), "runtime": _doubling(minutes), "attempt": _attempt}


def _of_recipe(recipe: Recipe, known: list[Measured]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for stage in STAGES:
        largest = most(stage, recipe, known)
        if largest is not None:
            seconds, memory_bytes = largest
            megabytes = math.ceil(memory_bytes / 1e6 * _MEMORY_SPARE) + _BESIDE_MB
            minutes = DEFAULTS[stage][1]
            if seconds is not None:
                minutes = math.ceil((seconds * _TIME_SPARE + _START_S) / 60)
            found[stage] = [megabytes if stage.on_gpu else DEFAULTS[stage][0], minutes]
    return found


def _doubling(amount: int) -> Callable[..., int]:
    def of(wildcards, attempt):
        return amount * 2 ** (attempt - 1)

    return of


def _attempt(wildcards, attempt) -> int:
    return attempt


def measured(output_root: Path, anywhere: bool = False) -> list[Measured]:
    """Return the trainings recorded under an output folder, with experiments, that ran on this machine's processor.

    Args:
        anywhere: include those of other machines.
    """
    here = records.hardware()
    found = []
    for pattern in ("runs/*/training.json", "experiments/*/*/runs/*/training.json"):
        for path in sorted(output_root.glob(pattern)):
            root, level = path.parent.parent.parent, path.parent.name
            try:
                record = records.read(Workspace(root, root / "user_data"), level, "training")
            except InputError:
                continue  # ignore a broken record here; the run that needs it reports it
            same = all(getattr(record.hardware, key) == here.get(key) for key in _SAME_MACHINE)
            if (same or anywhere) and (one := _measured(path.parent, record.recipe, record.results)):
                found.append(one)
    return found


def reference_run() -> list[Measured]:
    """Return the trainings of the reference run, for what this machine has not measured."""
    return measured(project_root() / "docs" / "reference_run", anywhere=True)


def total(planned: Iterable[tuple[str, Recipe]], known: list[Measured]) -> Estimate:
    """Add up the planned jobs.

    A job is estimated by those with the same base model and the most similar recipe: the training in proportion to
    examples and epochs, the comparison in proportion to the tokens it may generate. Comparisons with far more or fewer
    tokens do not count: most of a small one's time is loading models and training scorers.

    Args:
        planned: (stage, recipe) of each job.
    """
    seconds, memory, gpu, rates = 0.0, [], [], []
    disk: float | None = 0
    unknown: dict[str, None] = {}
    cache: dict[Recipe, list[Measured]] = {}
    for stage, recipe in planned:
        like = cache.setdefault(recipe, _alike(recipe, known))
        timed = [one for one in like if stage in one.stage_s and _near(stage, recipe, one)]
        if not timed:
            unknown[recipe.base_model] = None
            continue
        seconds += median(_seconds(stage, recipe, one) for one in timed)
        if stage == Stage.TRAIN:
            memory += [one.memory_bytes for one in timed]
            gpu += [one.gpu_memory_bytes for one in timed if one.gpu_memory_bytes]
            rates += [one.tokens_per_s for one in timed]
            sizes = [one.disk_bytes for one in timed if one.disk_bytes is not None]
            disk = disk + median(sizes) if sizes and disk is not None else None
    if not seconds:
        return Estimate(None, None, None, None, None, tuple(unknown))
    spread = (min(rates), max(rates)) if rates else None
    return Estimate(seconds, max(memory, default=None), max(gpu, default=None), disk, spread, tuple(unknown))


def most(stage: str, recipe: Recipe, known: list[Measured]) -> tuple[float | None, int] | None:
    """Return the maximum over the jobs by which one is estimated, as in `total`: (seconds, bytes of its training).

    None if nothing comparable was measured; no seconds if only the memory was.
    """
    timed = [one for one in _alike(recipe, known) if stage in one.stage_s]
    if not timed:
        return None
    seconds = [_seconds(stage, recipe, one) for one in timed if _near(stage, recipe, one)]
    return max(seconds, default=None), max(one.memory_bytes for one in timed)


def memory_bytes(recipe: Recipe, here: list[Measured], elsewhere: list[Measured]) -> int | None:
    """Return what a training of the base model took, by runs here or else by others; None if nothing is known.

    Args:
        here, elsewhere: from `measured` and `reference_run`.
    """
    known = total([(Stage.TRAIN, recipe)], here).memory_bytes
    like = [one.memory_bytes for one in elsewhere if one.recipe["base_model"] == recipe.base_model]
    return known or max(like, default=None)


def memory_of_job(recipe: Recipe, here: list[Measured], elsewhere: list[Measured]) -> int | None:
    """Return the memory that a job of this recipe may need, in bytes, with some to spare; None if nothing is known."""
    taken = memory_bytes(recipe, here, elsewhere)
    return None if taken is None else round(taken * _MEMORY_SPARE + _BESIDE_MB * 1e6)


def training_s(recipe: Recipe, known: list[Measured]) -> float | None:
    """Return seconds of a training, in proportion to examples and epochs; None if nothing comparable was measured."""
    alike = [one.training_s * _share_of(recipe, one) for one in _alike(recipe, known)]
    return median(alike) if alike else None


def _measured(folder: Path, recipe: dict, results: TrainingResults) -> Measured | None:
    """None for a record that does not say what its training took, as of one that ran elsewhere."""
    if not (results.duration_s and results.tokens_per_s and results.peak_memory_bytes):
        return None
    models = [resolve(one.path) for one in (results.adapter, results.merged_model) if one.path]
    there = len(models) == 2 and all(model.is_dir() for model in models)
    stages = {stage: _duration(folder / f"{stage}.ipynb") for stage in STAGES}
    return Measured(
        recipe,
        {stage: seconds for stage, seconds in stages.items() if seconds is not None},
        results.duration_s,
        results.tokens_per_s,
        results.peak_memory_bytes,
        results.peak_gpu_memory_bytes,
        sum(map(_size, (*models, folder))) if there else None,
    )


def _duration(notebook: Path) -> float | None:
    """Return the seconds that an executed notebook took, as papermill recorded them."""
    try:
        return json.loads(notebook.read_text(encoding="utf-8"))["metadata"]["papermill"]["duration"]
    except (OSError, ValueError, KeyError):
        return None


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _alike(recipe: Recipe, known: list[Measured]) -> list[Measured]:
    """Return the trainings of the same base model that share the most settings."""
    wanted = recipe.part(DATA_KEYS + TRAINING_KEYS)
    same = [one for one in known if all(one.recipe.get(key) == wanted[key] for key in _BASE_KEYS)]
    shared = [sum(recorded(one.recipe, key) == value for key, value in wanted.items()) for one in same]
    return [one for one, count in zip(same, shared, strict=True) if count == max(shared)]


def _seconds(stage: str, recipe: Recipe, like: Measured) -> float:
    whole = like.stage_s[stage]
    if stage == Stage.TRAIN:
        return whole + like.training_s * (_share_of(recipe, like) - 1)
    return whole * _answers_share_of(recipe, like) if stage == Stage.COMPARE else whole


def _near(stage: str, recipe: Recipe, like: Measured) -> bool:
    """Return whether the time of a measured job tells that of one of this recipe."""
    return stage != Stage.COMPARE or 1 / _FURTHEST <= _answers_share_of(recipe, like) <= _FURTHEST


def _answers_share_of(recipe: Recipe, like: Measured) -> float:
    """The tokens that the recipe's comparison may generate, by those of one that was measured; 1 if not recorded."""
    if "generation_prompts" not in like.recipe:
        return 1.0
    then = like.recipe["generation_prompts"] * like.recipe["max_new_tokens"]
    return recipe.generation_prompts * recipe.max_new_tokens / then


def _share_of(recipe: Recipe, like: Measured) -> float:
    """The recipe's work by that of a training that was measured."""
    return recipe.train_examples * recipe.epochs / (like.recipe["train_examples"] * like.recipe["epochs"])
