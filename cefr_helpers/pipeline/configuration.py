"""The configuration of a run: config.yaml with the command line's overrides, checked before anything starts."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cefr_helpers.core import recipes
from cefr_helpers.core.errors import InputError, explain_validation, shown
from cefr_helpers.core.levels import LEVELS
from cefr_helpers.core.paths import Workspace, path_problem, project_root, resolve
from cefr_helpers.data import bank_check, banks
from cefr_helpers.models import base_model
from cefr_helpers.training import distributed, preflight


class RunConfig(BaseModel):
    """The keys of config.yaml; all but `levels` are also the parameters of the stage notebooks, next to `level`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    levels: tuple[str, ...] = Field(min_length=1)
    recipe: str = Field(min_length=1)
    sentence_bank: str = Field(min_length=1)
    language: Literal["en", "tr"]
    output_root: str = Field(min_length=1)
    user_data: str = Field(min_length=1)
    seed: int = Field(ge=0, lt=2**32)

    @field_validator("levels", mode="before")
    @classmethod
    def _known_levels(cls, value):
        if not isinstance(value, (list, tuple)):
            raise ValueError("must be a list such as [A2, B1]")
        unknown = [level for level in value if level not in LEVELS]
        if unknown or len(set(value)) != len(value):
            raise ValueError(f"names {unknown or 'a level twice'}; choose among {', '.join(LEVELS)}")
        return tuple(sorted(value))

    @field_validator("sentence_bank", "output_root", "user_data")
    @classmethod
    def _usable_path(cls, value, info):
        problem = path_problem(value)
        if problem is None and info.field_name != "user_data" and set(value) & set("{}"):
            problem = "contains braces, which Snakemake reads as wildcards"
        if problem:
            raise ValueError(f"{problem}; expected a path")
        return value

    @property
    def workspace(self) -> Workspace:
        return Workspace.at(self.output_root, self.user_data)

    def parameters(self, level: str) -> dict:
        """Return the parameters of a stage notebook."""
        return {"level": level, **self.model_dump(mode="json", exclude={"levels"})}


def read(overrides: dict | None = None, path: Path | None = None) -> RunConfig:
    """Read config.yaml with `overrides` replacing its values, and check what the whole run needs.

    Raises:
        InputError: a key is unknown, missing or wrong; the recipe is not valid; the bank lacks a level. The message
            names the file or option, key, value and expectation.
    """
    path = path or project_root() / "config.yaml"
    values = recipes.read_flat_yaml(path) | (overrides or {})
    return check(values, str(path), overrides or ())


def check(values: object, where: str, given: Collection[str] = ()) -> RunConfig:
    """Check plain values as a configuration; errors name `where`, or the command line for keys `given` there."""

    def place(key: str) -> str:
        return "command line" if key in given else where

    if not isinstance(values, dict):
        raise InputError(f"{where}: {shown(values)}; expected keys with their values")
    try:
        configuration = RunConfig.model_validate(values)
    except ValidationError as error:
        found = [
            f"{place(str(one['loc'][0]))}: {explain_validation(one, RunConfig.model_fields)}" for one in error.errors()
        ]
        raise InputError("\n".join(found)) from None
    recipes.load_recipe(configuration.recipe)
    for level in configuration.levels:
        banks.find(configuration.sentence_bank, level)
    for key in ("output_root", "user_data"):
        folder = getattr(configuration, key)
        path = resolve(folder)
        there = next(one for one in (path, *path.parents) if one.exists())
        if not there.is_dir():
            raise InputError(f"{place(key)}: {folder!r}: {there} is a file; expected a folder")
    return configuration


def check_inputs(configuration: RunConfig) -> list[bank_check.LevelCheck]:
    """Read every bank of the run, and check base model, processes and GPU, so that errors are reported at once.

    Returns:
        The check of each level's bank.

    Raises:
        InputError: see `bank_check`, `base_model.local_folder`, `distributed.check` and `preflight.check_gpu`.
    """
    preflight.check_gpu()
    chosen = recipes.load_recipe(configuration.recipe)
    base_model.local_folder(chosen.base_model)
    distributed.check(chosen)
    checks = bank_check.check(configuration.sentence_bank, configuration.levels, chosen, configuration.seed, more=())
    bank_check.refuse_too_few(checks)
    return checks
