"""`cefr doctor`: what this machine has, which recipes fit, how long a level takes, and what is missing.

The text is meant for bug reports, so it contains no folders, users or secrets.
"""

import math
import sys
from pathlib import Path

from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import STAGES, project_root
from cefr_helpers.core.recipes import Recipe, load_recipe
from cefr_helpers.pipeline import machine, resources
from cefr_helpers.pipeline.configuration import RunConfig

_SHIPPED = ("smoke", "cpu", "reference")
# For base models without a record here: GPU memory, and seconds per step on an H100 (docs/benchmarks.md)
_ON_A_GPU = {"unsloth/Llama-3.2-1B-Instruct": (8e9, 1.0)}
_MEASURED_ON = "2 cores of an AMD EPYC"  # docs/reference_run


def report(settings: RunConfig) -> str:
    """Return the whole report."""
    found, gpus = machine.examine(settings.workspace)
    gpu_bytes = max((gpu["total"] for gpu in gpus), default=None)
    todo = [f"{one.name}: {one.advice}." for one in found if one.advice] or ["Nothing is missing."]
    lines = ["Machine", *(f"  {one.name:<13}{one.value}" for one in found), "", "Recipes"]
    lines += [f"  {path.stem:<13}{_line(path, gpu_bytes, settings.workspace.output_root)}" for path in _recipes()]
    return _anonymous("\n".join([*lines, "", "To do", *(f"  {line}" for line in todo)]))


def _line(path: Path, gpu_bytes: int | None, output_root: Path) -> str:
    try:
        fits, text = fit(load_recipe(str(path)), gpu_bytes, output_root)
    except InputError as error:
        return f"is not valid: {error}"
    return f"{'fits' if fits else 'does not fit'}; {text}"


def fit(recipe: Recipe, gpu_bytes: int | None, output_root: Path) -> tuple[bool, str]:
    """Return whether a recipe can be trained here, and about how long a level takes or why it can't.

    Args:
        gpu_bytes: memory of the GPU that PyTorch can use; None without a GPU.
    """
    import psutil

    if recipe.load_in_4bit and gpu_bytes is None:
        return False, "load_in_4bit: true needs a GPU that PyTorch can use"
    here = resources.measured(output_root)
    elsewhere = resources.reference_run()
    known = resources.total([(stage, recipe) for stage in STAGES], here)
    gpu_needed, step_s = _ON_A_GPU.get(recipe.base_model, (0, None))
    if gpu_bytes:
        kind, there, needed = "GPU memory", gpu_bytes, known.gpu_memory_bytes or gpu_needed
    else:
        kind, there, needed = (
            "memory",
            psutil.virtual_memory().total,
            resources.memory_bytes(recipe, here, elsewhere) or 0,
        )
    if needed > there:
        return False, f"it needs {needed / 1e9:.1f} GB of {kind}, and there are {there / 1e9:.1f} GB"
    return True, _time(recipe, known.seconds, resources.training_s(recipe, elsewhere), step_s)


def _time(recipe: Recipe, here_s: float | None, elsewhere_s: float | None, step_s: float | None) -> str:
    if here_s:
        return f"a level takes about {_minutes(here_s)}, by earlier runs on this machine"
    if elsewhere_s:
        return f"a level's training took about {_minutes(elsewhere_s)} on {_MEASURED_ON}, the comparison about as long"
    examples = recipe.examples_per_step
    steps = math.ceil(math.ceil(recipe.train_examples / examples) * recipe.epochs)
    if step_s:
        return f"a level's training has {steps} steps, {_minutes(steps * step_s)} on an NVIDIA H100; not measured here"
    return f"a level's training has {steps} steps of {examples} examples; no run of this base model was measured here"


def _minutes(seconds: float) -> str:
    return f"{max(1, round(seconds / 60))} min"


def _recipes() -> list[Path]:
    found = sorted((project_root() / "recipes").glob("*.yaml"))
    return sorted(found, key=lambda path: _SHIPPED.index(path.stem) if path.stem in _SHIPPED else len(_SHIPPED))


def _anonymous(text: str) -> str:
    """Remove paths from libraries' error messages, because they may contain the user's name."""
    for folder, shown in ((sys.prefix, "PYTHON"), (str(project_root()), "PROJECT"), (str(Path.home()), "~")):
        text = text.replace(folder, shown) if folder != "/" else text
    return text
