"""What a training needs of memory and disk at the least, told before it starts, and the refusal where there is less.

These are bounds that follow from the sizes of weights, optimizer and logits, and no predictions: a training takes more.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from cefr_helpers.core import files, nvidia
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Workspace
from cefr_helpers.core.recipes import Recipe
from cefr_helpers.models import prompts
from cefr_helpers.training import distributed

# `--no-checks` and CHECKS=no set it; a notebook's cell may
OVERRIDE = "CEFR_NO_CHECKS"
_CHECKPOINTS = 3  # two are kept, and the third is written before one is removed
_LESS = "lower batch_size, eval_batch_size, max_seq_length or lora_rank in the recipe, or close other programs"


@dataclass(frozen=True)
class Need:
    """Bytes that are needed of something and those that are free, and what to do where they are too few."""

    what: str
    needed: int
    free: int
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}: at least {self.needed / 1e9:.2f} GB needed, {self.free / 1e9:.2f} GB free"


def check(model, tokenizer, examples: Sequence[dict], recipe: Recipe, workspace: Workspace) -> list[Need]:
    """What a training needs besides what is loaded already.

    Args:
        model: the base model with fresh LoRA weights.
        examples: formatted examples.

    Raises:
        InputError: there is less, and the environment does not set OVERRIDE.
    """
    found = [*_of_memory(model, tokenizer, examples, recipe), *_of_disk(model, workspace)]
    short = [need for need in found if need.needed > need.free]
    if short and not os.environ.get(OVERRIDE):
        lines = [f"{need}; {need.remedy}" for need in short]
        raise InputError("\n".join([*lines, f"`--no-checks`, CHECKS=no or {OVERRIDE}=1 lets it try all the same"]))
    return found


def check_gpu() -> None:
    """Refuse a GPU of NVIDIA's that this build of PyTorch can't use; Unsloth would end there without naming the cause.

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


def _of_memory(model, tokenizer, examples: Sequence[dict], recipe: Recipe) -> list[Need]:
    import psutil
    import torch

    free = psutil.virtual_memory().available
    on_gpu = model.device.type == "cuda"  # of which each process of the training has its own
    there = torch.cuda.mem_get_info(model.device)[0] if on_gpu else free // distributed.count()
    counts = prompts.token_counts(tokenizer, examples)
    longest = min(max(map(sum, counts)), recipe.max_seq_length)
    # some batch has at least the mean of them
    labelled = fmean(sum(both) if recipe.loss_on == "full_text" else both[1] for both in counts)
    training = training_bytes(model, longest, min(int(labelled), longest), recipe)
    return [
        Need("memory for training", training, there, _LESS),
        # the merged model in 16 bits, and again in fp32 to be compared
        Need("memory for merging", 6 * _parameters(model), free, "close other programs"),
    ]


def training_bytes(model, tokens: int, labelled: int, recipe: Recipe) -> int:
    """Bytes that a step takes besides the weights: gradients, moments, each layer's input, logits with their gradient.

    Args:
        tokens: of the longest example.
        labelled: tokens of an example that the loss is taken over; training needs the logits of these alone.
    """
    config, size = model.config.get_text_config(), model.get_input_embeddings().weight.element_size()
    trained = sum(weight.numel() * weight.element_size() for weight in model.parameters() if weight.requires_grad)
    hidden = recipe.batch_size * tokens * config.hidden_size * config.num_hidden_layers * size
    logits = max(2 * recipe.batch_size * labelled, recipe.eval_batch_size * tokens) * config.vocab_size * size
    return 3 * trained + hidden + logits


def _of_disk(model, workspace: Workspace) -> list[Need]:
    adapter = sum(weight.numel() * weight.element_size() for weight in model.parameters() if weight.requires_grad)
    checkpoints = _CHECKPOINTS * 3 * adapter  # weights and two moments
    places = {workspace.output_root: checkpoints, workspace.user_data: 0}
    places[workspace.user_data] += adapter + 2 * _parameters(model)  # merged in 16 bits
    if _device(workspace.output_root) == _device(workspace.user_data):
        places = {workspace.output_root: sum(places.values())}
    return [
        Need(f"disk at {path}", needed, files.free_bytes(path), "make room, or choose another folder")
        for path, needed in places.items()
    ]


def _parameters(model) -> int:
    return model.get_nb_trainable_parameters()[1]  # counts 4-bit weights unpacked


def _device(path: Path) -> int:
    return files.nearest_folder(path).stat().st_dev
