"""An experiment: expand a grid of levels, recipes, seeds and recipe fields in experiments/*.yaml into single runs."""

import hashlib
import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from cefr_helpers.core import files
from cefr_helpers.core import recipes as recipe
from cefr_helpers.core.errors import InputError, explain_validation, unknown_key
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import project_root
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.data import banks
from cefr_helpers.pipeline import configuration
from cefr_helpers.pipeline.configuration import RunConfig
from cefr_helpers.pipeline.runs import Run
from cefr_helpers.training import distributed

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LONGEST_NAME = 100


class Grid(BaseModel):
    """The keys of an experiment's file: three own keys, and any field of a recipe with the values to try."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    levels: tuple[str, ...] | None = None
    recipes: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None

    @field_validator("levels", "recipes", "seeds", mode="before")
    @classmethod
    def _several(cls, value):
        return tuple(_several(value))

    @field_validator("levels")
    @classmethod
    def _known_levels(cls, value):
        unknown = [level for level in value if level not in LEVELS]
        if unknown:
            raise ValueError(f"names {unknown}; choose among {', '.join(LEVELS)}")
        return tuple(sorted(value))

    @field_validator("seeds")
    @classmethod
    def _usable_seeds(cls, value):
        if not all(0 <= seed < 2**32 for seed in value):
            raise ValueError("a seed is a whole number from 0 to 4294967295")
        return value

    @property
    def fields(self) -> dict[str, list]:
        """Return recipe field -> its values, in the file's order."""
        return dict(self.model_extra or {})


@dataclass(frozen=True)
class Experiment:
    """An experiment with its runs.

    Attributes:
        axes: "recipe", recipe fields and "seed" -> the values tried, in the file's order.
        values: run's name -> axis -> its value there.
        recipes: file -> the recipe to write into it.
    """

    name: str
    settings: RunConfig
    axes: dict[str, list]
    runs: list[Run]
    values: dict[str, dict]
    recipes: dict[Path, Recipe]


def read(experiment: str, settings: RunConfig) -> Experiment:
    """Read, check and expand an experiment: a name in experiments/, or the path of a .yaml file.

    Args:
        settings: defaults for levels, recipe and seed, and the bank, language and folders.

    Raises:
        InputError: no such file, an invalid name, an unknown field, an empty list, a duplicate value, or a value that
            no recipe may have or the processes of a training cannot share; the message names file, key, value and
            expectation.
    """
    path = _path(experiment)
    grid = _grid(path)
    settings = settings.model_copy(update={"levels": grid.levels or settings.levels})
    # without levels in the file those of config.yaml are used, whose bank is already checked
    configuration.check(settings.model_dump(), str(path))
    banks.check_serves(settings.sentence_bank, settings.levels)
    return _expand(path, grid, settings)


def write(experiment: Experiment) -> Path:
    """Write the runs' recipes and, last, the plan that the report uses."""
    for path, made in experiment.recipes.items():
        text = yaml.safe_dump(made.model_dump(mode="json"), sort_keys=False)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            files.write_atomically(path, text)
    plan = {
        "name": experiment.name,
        "levels": list(experiment.settings.levels),
        "axes": experiment.axes,
        "runs": [{"name": run.name, "values": experiment.values[run.name]} for run in experiment.runs],
    }
    path = experiment.settings.workspace.experiment_plan(experiment.name)
    text = json.dumps(plan, indent=1, ensure_ascii=False) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        files.write_atomically(path, text)
    return path


def _path(experiment: str) -> Path:
    folder = project_root() / "experiments"
    given = experiment.endswith((".yaml", ".yml"))
    path = Path(experiment).expanduser() if given else folder / f"{experiment}.yaml"
    if not _PLAIN_NAME.fullmatch(path.stem) or (not given and path.parent != folder):
        raise InputError(f"experiment: {experiment!r} is not a valid name; use letters, digits, - and _")
    if not path.is_file():
        there = ", ".join(sorted(p.stem for p in folder.glob("*.yaml"))) or "none yet"
        raise InputError(f"experiment: {experiment!r} not found ({path}); in {folder} there are: {there}")
    return path


def _grid(path: Path) -> Grid:
    values = recipe.read_flat_yaml(path)
    known = (*list(Grid.model_fields), *Recipe.model_fields)
    problems = [f"  {unknown_key(str(key), known)}" for key in values if key not in known]
    for key, value in values.items():
        if key in Recipe.model_fields:
            try:
                values[key] = _several(value)
            except ValueError as error:
                problems.append(f"  {key}: {value!r}: {error}")
    if not problems:
        try:
            return Grid.model_validate(values)
        except ValidationError as error:
            problems = [f"  {explain_validation(one)}" for one in error.errors()]
    raise InputError("\n".join([f"{path}: not a valid experiment", *problems]))


def _several(value: object) -> list:
    """Check the values of an axis: a list that is not empty and has no duplicates."""
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be a list of the values to try, such as [8, 32]")
    if not value:
        raise ValueError("the list is empty; give at least one value, or leave the key out")
    twice = [one for place, one in enumerate(value) if one in value[:place]]
    if twice:
        raise ValueError(f"{twice[0]!r} is given twice")
    return list(value)


def _expand(path: Path, grid: Grid, settings: RunConfig) -> Experiment:
    name = path.stem
    given = list(grid.recipes or (settings.recipe,))
    by_stem = {recipe.recipe_path(one).stem: one for one in given}
    if len(by_stem) != len(given):
        raise InputError(f"{path}: recipes: two of {given} have the same name; runs are named after their recipe")
    axes = {"recipe": list(by_stem), **grid.fields, "seed": list(grid.seeds or (settings.seed,))}
    bases = {stem: recipe.load_recipe(one) for stem, one in by_stem.items()}
    _check_values(path, grid.fields, bases)
    folder = settings.workspace.experiment(name)
    runs, values, recipes = [], {}, {}
    for chosen in itertools.product(*axes.values()):
        value = dict(zip(axes, chosen, strict=True))
        made = Recipe.model_validate(bases[value["recipe"]].model_dump() | {key: value[key] for key in grid.fields})
        distributed.check(made)
        file = folder / "recipes" / f"{_run_name(value, ('seed',))}.yaml"
        recipes[file] = made
        run = _run(_run_name(value), folder, file, made, value["seed"], settings)
        runs.append(run)
        values[run.name] = value
    return Experiment(name, settings, axes, runs, values, recipes)


def _check_values(path: Path, fields: dict[str, list], bases: dict[str, Recipe]) -> None:
    """Check every value separately, so that the message names it and not a whole recipe."""
    problems: dict[str, None] = {}
    for base in bases.values():
        for field, value in ((field, value) for field, values in fields.items() for value in values):
            try:
                Recipe.model_validate(base.model_dump() | {field: value})
            except ValidationError as error:
                problems |= {f"  {recipe.explain(one)}": None for one in error.errors()}
    if problems:
        raise InputError("\n".join([f"{path}: not a valid experiment", *problems]))


def _run(name: str, folder: Path, file: Path, made: Recipe, seed: int, settings: RunConfig) -> Run:
    key = _digest([made.part(recipe.DATA_KEYS), seed])
    own = {"recipe": str(file), "seed": seed, "output_root": str(folder / name)}
    own |= {"user_data": str(folder / name / "user_data")}
    return Run(name, settings.model_copy(update=own), str(folder / "shared" / f"data-{key}"))


def _run_name(values: dict, leave_out: tuple[str, ...] = ()) -> str:
    """Return the recipe's name, then each axis with its value: a run keeps its name when an axis gets another value."""
    parts = [axis + "-" + _label(value) for axis, value in values.items() if axis not in ("recipe", *leave_out)]
    name = "_".join([_label(values["recipe"]), *parts])
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}-{_digest(values)}"


def _label(value: object) -> str:
    """Return a value as part of a folder's name; if that loses something, a digest makes it unique."""
    text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
    plain = re.sub(r"[^A-Za-z0-9.+-]+", "-", text.rstrip("/").split("/")[-1]).strip("-.")
    same = plain == text or (isinstance(value, list) and plain == text.replace("_", "-"))
    return plain if same else f"{plain}-{_digest(text)}"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]
