"""A stage at work on one level: its recipe and folders, the files it was made from, and its record at the end."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, overload

from cefr_helpers.core import recipes, records, schema
from cefr_helpers.core.errors import required
from cefr_helpers.core.levels import check_level
from cefr_helpers.core.paths import Stage, Workspace
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.core.schema import ComparisonRecord, DatasetRecord, TrainingRecord


@dataclass(frozen=True)
class LevelRun:
    """A stage's run on one level, from a notebook's parameters.

    Attributes:
        settings: the recipe's keys.
        recipe: its name in recipes/, or its path.
        inputs: path -> sha256 of each file read so far, for the record.
    """

    stage: Stage
    level: str
    recipe: str
    settings: Recipe
    workspace: Workspace
    seed: int
    inputs: dict[str, str] = field(default_factory=dict)

    @classmethod
    def start(
        cls, stage: Stage, level: str, recipe: str, output_root: str | Path, user_data: str | Path, seed: int
    ) -> "LevelRun":
        """Read the recipe and find the folders; nothing is created.

        Raises:
            InputError: no such level or recipe, a value in the recipe that is out of range, or an invalid name of a
                folder.
        """
        workspace = Workspace.at(output_root, user_data)
        return cls(stage, check_level(level), recipe, recipes.load_recipe(recipe), workspace, seed)

    def add_inputs(self, paths: Iterable[Path]) -> None:
        """Hash files before the work starts, so that the record says what it was made from."""
        self.inputs.update(records.hash_inputs(paths))

    def formatted_files(self, *parts: str) -> dict[str, Path]:
        """Return the files of examples, part ("train", "dev" or "eval") -> path, each an input from now on."""
        files = {part: self.workspace.formatted_file(self.level, part) for part in parts}
        self.add_inputs(files.values())
        return files

    @overload
    def read(self, name: Literal["dataset"]) -> DatasetRecord: ...
    @overload
    def read(self, name: Literal["training"]) -> TrainingRecord: ...
    @overload
    def read(self, name: Literal["comparison"]) -> ComparisonRecord: ...
    def read(self, name: str) -> records.AnyRecord:
        """Return an earlier stage's record of this level, an input from now on.

        Raises:
            InputError: there is none, or it is broken; the message says how to make it.
        """
        record = records.read(self.workspace, self.level, name)
        self.add_inputs([self.workspace.record(self.level, name)])
        return record

    def recipe_record(self) -> dict:
        """Return the recipe for the record."""
        return self.settings.as_record(self.recipe)

    def finish(self, results: schema.Part) -> Path:
        """Write the stage's record, the last thing that a stage does, and return its path."""
        return records.write(
            self.workspace,
            required(Stage(self.stage).record),
            level=self.level,
            seed=self.seed,
            recipe=self.recipe_record(),
            inputs=self.inputs,
            results=results,
        )
