"""Hands formatted data that was made once to each run that asks for the same data."""

import shutil
import sys
from pathlib import Path

from cefr_helpers.core import files, locks, records
from cefr_helpers.core.errors import DiskFull, InputError
from cefr_helpers.core.paths import STAGES, Workspace
from cefr_helpers.core.recipes import DATA_KEYS, load_recipe
from cefr_helpers.pipeline import stages


def take(level: str, source: Workspace, target: Workspace, recipe: str) -> Path:
    """Take over a level's examples, executed notebook and dataset record, which then names the run's own recipe.

    Returns:
        The record, written last.

    Raises:
        InputError: the data was not made with this recipe's data settings.
    """
    record = records.read(source, level, "dataset")
    wanted = load_recipe(recipe)
    differing = [key for key, value in wanted.part(DATA_KEYS).items() if record["recipe"].get(key) != value]
    if differing:
        raise InputError(f"{source.record(level, 'dataset')}: made with another {', '.join(differing)} than {recipe}")
    made = target.record(level, "dataset")
    for path in stages.outputs(target, STAGES[0], level):
        if path != made:
            _copy(source.output_root / path.relative_to(target.output_root), path)
    return files.write_atomically(made, records.as_text(record | {"recipe": wanted.as_record(recipe)}))


def _copy(source: Path, target: Path) -> None:
    """A copy, and no second name for one file: the engine compares times, and a copy is newer than its source."""
    with open(source, "rb") as file, files.atomic_file(target, source.stat().st_size) as copy:
        shutil.copyfileobj(file, copy)


def main(arguments: list[str]) -> int:
    """`python -m cefr_helpers.pipeline.shared_data LEVEL DATA_ROOT CONFIGURATION_JSON`: what the engine calls."""
    from cefr_helpers.pipeline.configuration import Configuration

    locks.die_with_engine()
    level, data_root, values = arguments
    settings = Configuration.model_validate_json(values)
    try:
        take(level, Workspace.at(data_root, settings.user_data), settings.workspace, settings.recipe)
    except (InputError, DiskFull) as error:
        print(error, file=sys.stderr, flush=True)
        return 1 if isinstance(error, DiskFull) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
