"""Check before a training starts whether there is at least the memory and disk it needs, and refuse if there is less.

These are lower bounds from the sizes of weights, optimizer and logits, not predictions: a training needs more.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from cefr_helpers.core import files, nvidia
from cefr_helpers.core.errors import OVERRIDE, InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.recipes import AUTO, Recipe
from cefr_helpers.models import prompts
from cefr_helpers.models.base_model import BaseModel
from cefr_helpers.training import distributed

_CHECKPOINTS = 3  # two are kept, and a third is written before one is removed
_LESS = "lower batch_size, eval_batch_size, max_seq_length or lora_rank in the recipe, or close other programs"

_SMALLER = "use a smaller base_model, set load_in_4bit: true if there is a GPU, or close other programs"


@dataclass(frozen=True)
class Requirement:
    """Needed and free bytes of a resource, and what to do if they are too few."""

    what: str
    needed: int
    free: int
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}: at least {self.needed / 1e9:.2f} GB needed, {self.free / 1e9:.2f} GB free"


def check_base(base: BaseModel, recipe: Recipe) -> Requirement:
    """Return at least how much memory the base model needs, before it is loaded.

    Raises:
        InputError: the device has less, and OVERRIDE is not set in the environment.
    """
    import psutil
    import torch

    on_gpu = torch.cuda.is_available()
    free = torch.cuda.mem_get_info()[0] if on_gpu else psutil.virtual_memory().available
    stored = sum(path.stat().st_size for path in base.folder.glob("*.safetensors"))
    needed = Requirement(
        f"memory for the weights of {base.name}", int(stored * _share_of_file(base, recipe)), free, _SMALLER
    )
    _refuse([needed])
    return needed


def _share_of_file(base: BaseModel, recipe: Recipe) -> float:
    """Return the bytes of a loaded weight divided by its bytes in the file."""
    config = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    stored = 4 if "float32" in (config.get("dtype"), config.get("torch_dtype")) else 2
    return (0.5 if recipe.load_in_4bit else 4 if recipe.precision == "fp32" else 2) / stored


def check_resources(
    model, tokenizer, examples: Sequence[dict], recipe: Recipe, workspace: Workspace
) -> list[Requirement]:
    """Return at least how much memory and disk a training needs, in addition to what is loaded already.

    Args:
        model: the base model with fresh LoRA weights.
        examples: formatted examples.

    Raises:
        InputError: there is less, and OVERRIDE is not set in the environment.
    """
    found = [*_of_memory(model, tokenizer, examples, recipe), *_of_disk(model, workspace)]
    _refuse(found)
    return found


def check_gpu() -> None:
    """Refuse an NVIDIA GPU that this build of PyTorch can't use; Unsloth would fail without naming the cause.

    Raises:
        InputError: names driver, build or GPU, and says how to train on the CPU instead.
    """
    listed, _ = nvidia.gpus()
    if not listed or nvidia.hidden():
        return
    import torch

    codes = torch.cuda.get_arch_list() if torch.cuda.is_available() else ()
    problem = nvidia.problem(listed[0], torch.__version__, torch.version.cuda, codes)
    if problem:
        raise InputError(f"{problem}; {nvidia.HIDE}")


def _refuse(needs: Sequence[Requirement]) -> None:
    short = [need for need in needs if need.needed > need.free]
    if short and not os.environ.get(OVERRIDE):
        lines = [f"{need}; {need.remedy}" for need in short]
        raise InputError("\n".join([*lines, f"`--no-checks`, CHECKS=no or {OVERRIDE}=1 lets it try anyway"]))


def _of_memory(model, tokenizer, examples: Sequence[dict], recipe: Recipe) -> list[Requirement]:
    import psutil
    import torch

    free = psutil.virtual_memory().available
    on_gpu = model.device.type == "cuda"  # each process of the training has its own
    there = torch.cuda.mem_get_info(model.device)[0] if on_gpu else free // distributed.world_size()
    counts = prompts.token_counts(tokenizer, examples)
    longest = min(max(map(sum, counts)), recipe.max_seq_length)
    # at least one batch reaches their mean
    labelled = fmean(sum(both) if recipe.loss_on == "full_text" else both[1] for both in counts)
    training = training_bytes(model, longest, min(int(labelled), longest), recipe)
    return [
        Requirement("memory for training", training, there, _LESS),
        # the merged model in 16 bits, and again in fp32 to be compared
        Requirement("memory for merging", 6 * _parameters(model), free, "close other programs"),
    ]


def training_bytes(model, tokens: int, labelled: int, recipe: Recipe) -> int:
    """Return the bytes of a step besides the weights: gradients, moments, layers' inputs, logits with gradients.

    Args:
        tokens: number of tokens of the longest example.
        labelled: number of tokens over which the loss is computed; training needs only their logits.
    """
    config, size = model.config.get_text_config(), model.get_input_embeddings().weight.element_size()
    trained = sum(weight.numel() * weight.element_size() for weight in model.parameters() if weight.requires_grad)
    size_of_batch = 1 if recipe.batch_size == AUTO else recipe.batch_size
    hidden = size_of_batch * tokens * config.hidden_size * config.num_hidden_layers * size
    logits = max(2 * size_of_batch * labelled, recipe.eval_batch_size * tokens) * config.vocab_size * size
    return 3 * trained + hidden + logits


def _of_disk(model, workspace: Workspace) -> list[Requirement]:
    adapter = sum(weight.numel() * weight.element_size() for weight in model.parameters() if weight.requires_grad)
    checkpoints = _CHECKPOINTS * 3 * adapter  # weights and two moments
    places = {workspace.output_root: checkpoints, workspace.user_data: 0}
    places[workspace.user_data] += adapter + 2 * _parameters(model)  # merged in 16 bits
    if _device(workspace.output_root) == _device(workspace.user_data):
        places = {workspace.output_root: sum(places.values())}
    return [
        Requirement(f"disk at {path}", needed, files.free_bytes(path), "make room, or choose another folder")
        for path, needed in places.items()
    ]


def _parameters(model) -> int:
    return model.get_nb_trainable_parameters()[1]  # counts 4-bit weights unpacked


def _device(path: Path) -> int:
    return files.nearest_folder(path).stat().st_dev
