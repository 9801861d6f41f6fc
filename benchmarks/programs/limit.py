"""Measure the limit: how fast this machine multiplies bf16 matrices, and how much of that training needs per token.

A frozen weight of n numbers takes 2n operations per token forward and 2n for the gradient of its input. A LoRA pair of
r numbers takes 2r forward, 2r for the gradient of its input and 2r for its own. The output head counts only at the
completion's tokens. Nothing else counts: attention scores, norms, optimizer and waiting are the loss against the limit.
"""

import statistics
import time
from pathlib import Path

from benchmarks.peers import common


def main(spec: dict) -> None:
    rate = flop_per_s(spec["size"], spec["rounds"])
    needed = flop_per_token(Path(spec["model"]), spec["rank"], spec["completion_share"])
    common.write(spec, ["torch"], flop_per_s=rate, flop_per_token=needed, tokens_per_s=rate / needed)


def flop_per_s(size: int, rounds: int) -> float:
    """Return the median rate of a square bf16 product, on the GPU if there is one."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    one, other = (torch.randn(size, size, dtype=torch.bfloat16, device=device) for _ in range(2))
    wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    seconds = []
    for _ in range(rounds + 2):  # the first two warm up
        started = time.perf_counter()
        one @ other
        wait()
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / statistics.median(seconds[2:])


def flop_per_token(model: Path, rank: int, completion_share: float) -> float:
    """Return the operations of one token of training, where `completion_share` of the tokens are in completions."""
    layers, head = linear_shapes(model)
    frozen = sum(rows * columns for rows, columns in layers)
    pairs = sum(rank * (rows + columns) for rows, columns in layers)
    return 4 * frozen + 6 * pairs + 4 * completion_share * head[0] * head[1]


def flop_per_scored_token(model: Path, rank: int) -> float:
    """Return the operations of one token in a pass of the base and one of the tuned model, with each token's loss."""
    layers, head = linear_shapes(model)
    frozen = sum(rows * columns for rows, columns in [*layers, head])
    return 2 * 2 * frozen + 2 * sum(rank * (rows + columns) for rows, columns in layers)


def linear_shapes(model: Path) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Return the shapes of all linear layers in the blocks, and of the output head (often the embedding's weights)."""
    from safetensors import safe_open

    shapes = {}
    for file in sorted(model.glob("*.safetensors")):
        with safe_open(file, "pt") as weights:
            shapes |= {name: tuple(weights.get_slice(name).get_shape()) for name in list(weights.keys())}
    layers = [shape for name, shape in shapes.items() if ".layers." in name and len(shape) == 2]
    return layers, shapes.get("lm_head.weight") or shapes["model.embed_tokens.weight"]


if __name__ == "__main__":
    main(common.specification())
