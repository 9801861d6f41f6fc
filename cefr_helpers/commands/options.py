"""Options shared by several `cefr` commands, and their names in config.yaml."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cefr_helpers.core.errors import InputError

Levels = Annotated[str | None, typer.Option(help='Levels to run, such as "A1 C1"; default: config.yaml.')]
RecipeName = Annotated[str | None, typer.Option(help="A name in recipes/ (reference, cpu, smoke) or a .yaml file.")]
Bank = Annotated[str | None, typer.Option(help="Sentence bank: bundled, a folder with one file per level, or a file.")]
Language = Annotated[str | None, typer.Option(help="Language of the notes: en or tr.")]
OutputRoot = Annotated[str | None, typer.Option(help="Folder for formatted_data, training_plots, Notes and runs.")]
UserData = Annotated[str | None, typer.Option(help="Folder for adapters and merged models.")]
Seed = Annotated[int | None, typer.Option(help="Seed of data and training.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would run, and run nothing.")]
Profile = Annotated[str, typer.Option(help="Where jobs run: a folder in profiles/ (local, slurm), or a path.")]
NoChecks = Annotated[bool, typer.Option("--no-checks", help="Train even with too little memory or disk.")]


def upper(level: str | None) -> str | None:
    """Return a level in upper case; a callback of options for a level."""
    return level and level.upper()


def overrides(levels=None, recipe=None, bank=None, language=None, output_root=None, user_data=None, seed=None) -> dict:
    """Return the given options under their names in config.yaml; paths are relative to the current folder."""
    given = {
        "levels": levels.upper().replace(",", " ").split() if levels is not None else None,
        "recipe": os.path.abspath(recipe) if recipe and recipe.endswith((".yaml", ".yml")) else recipe,
        "sentence_bank": bank if bank in (None, "", "bundled") else os.path.abspath(os.path.expanduser(bank)),
        "language": language,
        "output_root": output_root and os.path.abspath(os.path.expanduser(output_root)),
        "user_data": user_data and os.path.abspath(os.path.expanduser(user_data)),
        "seed": seed,
    }
    return {key: value for key, value in given.items() if value is not None}


def refuse_unused(context: typer.Context, names: Iterable[str], why: str) -> None:
    """Refuse options that were given, but would have no effect beside the others; values are not shown.

    Args:
        names: the options that have no effect, as parameters of the command.
        why: why they have none, and what is expected; it completes "has no effect".

    Raises:
        InputError: one of them was given.
    """
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":  # by name: typer has its own copy of click
            raise InputError(f"{name}: has no effect {why}")


def shown(path: Path) -> str:
    """Return a path relative to the current folder if it is inside it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


@contextmanager
def resumable(advice: str, failures: type[Exception] | tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """End the command with 130 at Ctrl+C and with 1 at a failure of these kinds, and say how to resume.

    Args:
        advice: what was saved, and what to do.
    """
    try:
        yield
    except failures as error:
        print(f"{error}\n{advice}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print(f"\nStopped. {advice}", file=sys.stderr)
        raise typer.Exit(130) from None
