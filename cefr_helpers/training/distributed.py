"""One training in several processes: each has its own GPU (or CPU cores), and its share of every step's examples."""

import os

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.paths import Stage
from cefr_helpers.core.recipes import AUTO, Recipe

VARIABLE = "CEFR_TRAINING_PROCESSES"


def requested(stage: str = Stage.TRAIN) -> int:
    """The number of processes of a stage, from the environment, since it depends on the machine; training has several.

    Raises:
        InputError: the variable holds no whole number above zero.
    """
    given = os.environ.get(VARIABLE, "1")
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise InputError(f"{VARIABLE}: {shown(given)}; expected how many processes train as one, such as 2")
    return int(given) if stage == Stage.TRAIN else 1


def world_size() -> int:
    """How many processes train together with this one, itself included; as torchrun and accelerate say it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """This process's place among them; 0 does all that is done once."""
    return int(os.environ.get("RANK", "0"))


def check(recipe: Recipe) -> None:
    """Refuse a recipe that the processes that are asked for can't train as one.

    Raises:
        InputError: as `requested` and `local_accumulation_steps`; or `batch_size` is auto, which one process finds
            for itself.
    """
    processes = requested()
    if processes > 1 and recipe.batch_size == AUTO:
        raise InputError(f"batch_size: {AUTO}; expected a number, since {VARIABLE} asks for {processes} processes")
    local_accumulation_steps(recipe.gradient_accumulation_steps, processes)


def local_accumulation_steps(accumulation_steps: int, processes: int) -> int:
    """Each process's part of a step's batches, so that a step has the recipe's examples whatever the processes.

    Raises:
        InputError: the batches of a step cannot be shared out evenly.
    """
    if accumulation_steps % processes:
        raise InputError(
            f"gradient_accumulation_steps: {accumulation_steps}; expected a multiple of the {processes} processes "
            f"({VARIABLE}) that share its batches out; halve batch_size and double it, say"
        )
    return accumulation_steps // processes
