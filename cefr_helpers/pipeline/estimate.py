"""What planned jobs will take, from what finished ones took on this machine."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cefr_helpers.core import records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import STAGES, Workspace, resolve
from cefr_helpers.core.recipes import DATA_KEYS, TRAINING_KEYS, Recipe

_BASE_KEYS = ("base_model", "base_model_revision", "load_in_4bit")
_SAME_MACHINE = ("cpu", "cores", "system")


@dataclass(frozen=True)
class Measured:
    """A finished training on this machine, with its level's other stages.

    Attributes:
        recipe: as its record holds it.
        stage_s: stage -> seconds that its notebook took; those that did not run are missing.
        training_s: seconds of the training alone, without loading, saving and merging.
        disk_bytes: of adapter, merged model and run folder; None where the models are gone.
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
    """The sum over planned jobs; None where nothing was measured to go by.

    Attributes:
        seconds: one job after another.
        memory_bytes: of the largest job.
        disk_bytes: what will stay.
        unknown: base models of planned jobs of which this machine has no measurement.
    """

    seconds: float | None
    memory_bytes: int | None
    gpu_memory_bytes: int | None
    disk_bytes: int | None
    tokens_per_s: tuple[float, float] | None
    unknown: tuple[str, ...]


def measured(output_root: Path, anywhere: bool = False) -> list[Measured]:
    """The trainings recorded under an output folder, experiments included, that ran on this machine's processor.

    Args:
        anywhere: take those of other machines too.
    """
    here = records.hardware()
    found = []
    for pattern in ("runs/*/training.json", "experiments/*/*/runs/*/training.json"):
        for path in sorted(output_root.glob(pattern)):
            root, level = path.parent.parent.parent, path.parent.name
            try:
                record = records.read(Workspace(root, root / "user_data"), level, "training")
            except InputError:
                continue  # a broken record measures nothing; the run that needs it says so
            results = record["results"]
            same = all(record["hardware"].get(key) == here.get(key) for key in _SAME_MACHINE)
            if (same or anywhere) and results.get("tokens_per_s") and results.get("duration_s"):
                found.append(_measured(path.parent, record["recipe"], results))
    return found


def total(planned: Iterable[tuple[str, Recipe]], known: list[Measured]) -> Estimate:
    """Add up the planned jobs.

    A job takes what those with the same base model and the most like recipe took, the training in proportion to
    examples and epochs, the comparison in proportion to the tokens it may generate.

    Args:
        planned: (stage, recipe) of each job.
    """
    seconds, memory, gpu, disk, rates, unknown = 0.0, [], [], 0, [], {}
    cache: dict[Recipe, list[Measured]] = {}
    for stage, recipe in planned:
        like = cache.setdefault(recipe, _alike(recipe, known))
        timed = [one for one in like if stage in one.stage_s]
        if not timed:
            unknown[recipe.base_model] = None
            continue
        seconds += median(_seconds(stage, recipe, one) for one in timed)
        if stage == STAGES[1]:
            memory += [one.memory_bytes for one in timed]
            gpu += [one.gpu_memory_bytes for one in timed if one.gpu_memory_bytes]
            rates += [one.tokens_per_s for one in timed]
            sizes = [one.disk_bytes for one in timed if one.disk_bytes is not None]
            disk = disk + median(sizes) if sizes and disk is not None else None
    if not seconds:
        return Estimate(None, None, None, None, None, tuple(unknown))
    spread = (min(rates), max(rates)) if rates else None
    return Estimate(seconds, max(memory, default=None), max(gpu, default=None), disk, spread, tuple(unknown))


def most(stage: str, recipe: Recipe, known: list[Measured]) -> tuple[float, int] | None:
    """The most that a job took of those it is reckoned by, as in `total`: (seconds, bytes of memory of its training).

    None where nothing was measured to go by.
    """
    timed = [one for one in _alike(recipe, known) if stage in one.stage_s]
    if not timed:
        return None
    return max(_seconds(stage, recipe, one) for one in timed), max(one.memory_bytes for one in timed)


def training_s(recipe: Recipe, known: list[Measured]) -> float | None:
    """Seconds that a training alone takes, in proportion to examples and epochs, by the like of it as in `total`.

    None where nothing was measured to go by.
    """
    alike = [one.training_s * _share_of(recipe, one) for one in _alike(recipe, known)]
    return median(alike) if alike else None


def _measured(folder: Path, recipe: dict, results: dict) -> Measured:
    models = [resolve(results[kind]["path"]) for kind in ("adapter", "merged_model") if results.get(kind)]
    there = len(models) == 2 and all(model.is_dir() for model in models)
    stages = {stage: _duration(folder / f"{stage}.ipynb") for stage in STAGES}
    return Measured(
        recipe,
        {stage: seconds for stage, seconds in stages.items() if seconds is not None},
        results["duration_s"],
        results["tokens_per_s"],
        results["peak_memory_bytes"],
        results.get("peak_gpu_memory_bytes"),
        sum(map(_size, (*models, folder))) if there else None,
    )


def _duration(notebook: Path) -> float | None:
    """Seconds that an executed notebook took, as papermill noted them."""
    try:
        return json.loads(notebook.read_text(encoding="utf-8"))["metadata"]["papermill"]["duration"]
    except (OSError, ValueError, KeyError):
        return None


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _alike(recipe: Recipe, known: list[Measured]) -> list[Measured]:
    """Of the trainings of the same base model those that share the most settings."""
    wanted = recipe.part(DATA_KEYS + TRAINING_KEYS)
    same = [one for one in known if all(one.recipe.get(key) == wanted[key] for key in _BASE_KEYS)]
    shared = [sum(one.recipe.get(key) == value for key, value in wanted.items()) for one in same]
    return [one for one, count in zip(same, shared, strict=True) if count == max(shared)]


def _seconds(stage: str, recipe: Recipe, like: Measured) -> float:
    whole, then = like.stage_s[stage], like.recipe
    if stage == STAGES[1]:
        return whole + like.training_s * (_share_of(recipe, like) - 1)
    if stage == STAGES[2] and "generation_prompts" in then:
        work = recipe.generation_prompts * recipe.max_new_tokens
        return whole * work / (then["generation_prompts"] * then["max_new_tokens"])
    return whole


def _share_of(recipe: Recipe, like: Measured) -> float:
    """The recipe's work by that of a training that was measured."""
    return recipe.train_examples * recipe.epochs / (like.recipe["train_examples"] * like.recipe["epochs"])
