"""Choose the micro-batch of a recipe with `batch_size: auto`; the examples of a step stay those of the recipe."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.files import write_atomically
from cefr_helpers.core.recipes import AUTO, Recipe

FILE = "batch_size.json"  # beside the checkpoints: a training that resumes keeps its micro-batch
# larger micro-batches are slower on a CPU: docs/lab_log.md
_LARGEST_ON_CPU = 4


def resolve(recipe: Recipe, folder: Path, on_gpu: bool, fits: Callable[[int], bool]) -> Recipe:
    """Return the recipe with numbers for `batch_size` and `gradient_accumulation_steps`.

    With `batch_size: auto` the recipe's `gradient_accumulation_steps` counts the examples of a step. They are split
    into the largest micro-batches that divide them and that fit.

    Args:
        folder: the folder of the run's checkpoints, which stores the choice for a training that resumes.
        on_gpu: whether the model is on a GPU. On a CPU the choice is made for speed.
        fits: tries one step with a micro-batch of this size.

    Raises:
        InputError: not even one example at a time fits.
    """
    if recipe.batch_size != AUTO:
        return recipe
    examples, file = recipe.gradient_accumulation_steps, folder / FILE
    if file.is_file():
        size = json.loads(file.read_text(encoding="utf-8"))["batch_size"]
    else:
        sizes = [size for size in range(examples, 0, -1) if examples % size == 0]
        size = _first(sizes, fits) if on_gpu else max(size for size in sizes if size <= _LARGEST_ON_CPU)
        write_atomically(file, json.dumps({"batch_size": size}))
    print(f"batch_size: auto: {size} examples at a time, {examples // size} times per step", flush=True)
    return recipe.model_copy(update={"batch_size": size, "gradient_accumulation_steps": examples // size})


def _first(sizes: Iterable[int], fits: Callable[[int], bool]) -> int:
    for size in sizes:
        if fits(size):
            return size
    raise InputError(
        "batch_size: auto: not even one example at a time fits into the memory of the GPU; set load_in_4bit: true or "
        "gradient_checkpointing: true, or lower max_seq_length or lora_rank in the recipe"
    )
