"""What a training will need of memory and disk, estimated before it starts, and the refusal where there is less."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from cefr_helpers import disk
from cefr_helpers.base_model import BaseModel
from cefr_helpers.errors import InputError
from cefr_helpers.paths import Workspace
from cefr_helpers.recipe import Recipe

OVERRIDE = "CEFR_IGNORE_ESTIMATE"
_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "auto": 2}
_CHECKPOINTS = 3  # two are kept, and the third is written before one is removed


@dataclass(frozen=True)
class Needs:
    """Bytes of main memory, and of disk: checkpoints under the output folder, adapter and merged model in user_data."""

    memory: int
    checkpoints: int
    models: int


def of_training(config: dict, recipe: Recipe, tokens: int) -> Needs | None:
    """Estimate a training on a CPU; None for a model whose config.json lacks a Llama's keys.

    Args:
        config: the base model's config.json.
        tokens: of the longest example.
    """
    try:
        shapes = _shapes(config)
        layers, hidden, vocabulary = (config[k] for k in ("num_hidden_layers", "hidden_size", "vocab_size"))
    except KeyError:
        return None
    width = _BYTES[recipe.precision]
    embeddings = vocabulary * hidden * (1 if config.get("tie_word_embeddings") else 2)
    weights = embeddings + layers * sum(inner * outer for inner, outer in shapes.values())
    lora = layers * recipe.lora_rank * sum(sum(shapes[name]) for name in recipe.lora_target_modules)
    tokens = min(tokens, recipe.max_seq_length)
    passed = layers * sum(sum(shape) for shape in shapes.values())  # numbers that the layers pass on, a token
    kept = recipe.batch_size * tokens * (passed // (layers if recipe.gradient_checkpointing else 1))
    logits = max(recipe.batch_size, recipe.eval_batch_size) * tokens * vocabulary
    memory = LIBRARIES + weights * width + lora * 16 + kept * ACTIVATION_BYTES + logits * LOGIT_BYTES
    return Needs(round(memory), _CHECKPOINTS * lora * 12, lora * 4 + weights * 2)


def check(base: BaseModel, recipe: Recipe, tokens: int, workspace: Workspace) -> str:
    """Say what a training will need, and refuse it where there is less.

    Returns:
        A line with the estimate.

    Raises:
        InputError: there is less free memory or disk than estimated, and the environment does not set OVERRIDE.
    """
    import psutil
    import torch

    config = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    needs = of_training(config, recipe, tokens)
    if needs is None:
        return "Memory and disk are not estimated for a model of this kind"
    there = psutil.virtual_memory().available
    rows = [] if torch.cuda.is_available() else [("memory", needs.memory, there, _LESS)]
    rows += _disk_rows(needs, workspace)
    line = "Estimated: " + "; ".join(f"{what} {_gb(need)} of {_gb(free)} free" for what, need, free, _ in rows)
    short = [
        f"{what}: about {_gb(need)} needed, {_gb(free)} free; {do}" for what, need, free, do in rows if need > free
    ]
    if short and not os.environ.get(OVERRIDE):
        raise InputError("\n".join([*short, f"{OVERRIDE}=1 in the environment lets it try all the same"]))
    return "\n".join([line, *short])


_LESS = "lower batch_size, eval_batch_size or max_seq_length in the recipe, or close other programs"


def _disk_rows(needs: Needs, workspace: Workspace) -> list[tuple[str, int, int, str]]:
    places = [(workspace.output_root, needs.checkpoints), (workspace.user_data, needs.models)]
    if _device(places[0][0]) == _device(places[1][0]):
        places = [(workspace.output_root, needs.checkpoints + needs.models)]
    return [(f"disk at {path}", need, disk.free(path), "make room, or choose another folder") for path, need in places]


def _device(path: Path) -> int:
    return next(folder for folder in (path, *path.parents) if folder.is_dir()).stat().st_dev


def _shapes(config: dict) -> dict[str, tuple[int, int]]:
    """In and out of the seven matrices of a layer."""
    hidden, inner, heads = (config[key] for key in ("hidden_size", "intermediate_size", "num_attention_heads"))
    head = config.get("head_dim") or hidden // heads
    queries, keys = heads * head, (config.get("num_key_value_heads") or heads) * head
    return {
        "q_proj": (hidden, queries),
        "k_proj": (hidden, keys),
        "v_proj": (hidden, keys),
        "o_proj": (queries, hidden),
        "gate_proj": (hidden, inner),
        "up_proj": (hidden, inner),
        "down_proj": (inner, hidden),
    }


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
