"""Train in several processes: each has its own GPU (or CPU cores) and its share of every step's examples."""

import os

from cefr_helpers.core.errors import InputError, shown
from cefr_helpers.core.paths import Stage
from cefr_helpers.core.recipes import AUTO, Recipe

VARIABLE = "CEFR_TRAINING_PROCESSES"


def requested(stage: str = Stage.TRAIN) -> int:
    """Return the number of processes of a stage, set in the environment for this machine; only training has several.

    Raises:
        InputError: the variable is not a whole number above zero.
    """
    given = os.environ.get(VARIABLE, "1")
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise InputError(f"{VARIABLE}: {shown(given)}; expected the number of training processes, such as 2")
    return int(given) if stage == Stage.TRAIN else 1


def world_size() -> int:
    """Return how many processes train together, including this one, as set by torchrun and accelerate."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Return this process's rank; rank 0 does everything that is done once."""
    return int(os.environ.get("RANK", "0"))


def check(recipe: Recipe) -> None:
    """Refuse a recipe that the requested processes can't train together.

    Raises:
        InputError: see `requested` and `local_accumulation_steps`; or the recipe has what works only with one process.
    """
    processes = requested()
    if processes > 1 and recipe.batch_size == AUTO:
        raise InputError(f"batch_size: {AUTO}; expected a number, since {VARIABLE} requests {processes} processes")
    if processes > 1 and recipe.self_training_examples:
        raise InputError(
            f"self_training_examples: {recipe.self_training_examples}; expected 0, since {VARIABLE} requests "
            f"{processes} processes"
        )
    local_accumulation_steps(recipe.gradient_accumulation_steps, processes)


def local_accumulation_steps(accumulation_steps: int, processes: int) -> int:
    """Return each process's share of a step's batches, so that a step has the recipe's number of examples.

    Raises:
        InputError: the batches of a step cannot be divided evenly.
    """
    if accumulation_steps % processes:
        raise InputError(
            f"gradient_accumulation_steps: {accumulation_steps}; expected a multiple of the {processes} processes "
            f"({VARIABLE}) that divide its batches; for example, halve batch_size and double it"
        )
    return accumulation_steps // processes
