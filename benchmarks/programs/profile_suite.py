"""Profile the time of a training step: some steps of this suite's training under PyTorch's profiler, by kind."""

import time
from pathlib import Path

from benchmarks.peers import common
from benchmarks.programs.train_suite import prepared
from cefr_helpers.training import tuning

WARM_STEPS = 1
PRODUCTS = ("aten::mm", "aten::addmm", "aten::addmm_", "aten::mkldnn_linear", "aten::linear")
ATTENTION = ("aten::bmm", "aten::baddbmm", "aten::_softmax", "aten::_softmax_backward_data")
BETWEEN = "Python and autograd between the operations"
MOST_TOGETHER = 3  # LoRA pairs whose first factors `lora_products` multiplies in one product: those of q, k and v
SIDES_OF_SCORES = 5  # batch, key heads, query heads of each, tokens, tokens


def main(spec: dict) -> None:
    arguments = prepared(spec, Path(spec["folder"]))
    trainer = tuning.make_trainer(*arguments)
    watch = make_watch(spec["profiled_steps"])
    trainer.add_callback(watch)
    trainer.train()
    vocabulary = arguments[0].get_input_embeddings().weight.shape[0]
    common.write(
        spec,
        ["torch", "transformers", "trl", "peft", "unsloth"],
        shares=shares(watch.events, watch.seconds, spec["profiled_steps"], spec["rank"], vocabulary),
    )


def make_watch(steps: int):
    """Return a callback that profiles `steps` steps after warm-up steps, and then stops the training."""
    import torch
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def __init__(self):
            self.profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True)

        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == WARM_STEPS:
                self.profiler.start()
                self.started = time.monotonic()

        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == WARM_STEPS + steps:
                self.seconds = time.monotonic() - self.started
                self.profiler.stop()
                self.events = self.profiler.key_averages(group_by_input_shape=True)
                control.should_training_stop = True

    return Watch()


def shares(events, seconds: float, steps: int, rank: int | None, vocabulary: int) -> dict[str, float]:
    """Return seconds per step by kind of work, largest first. rank: LoRA's."""
    found: dict[str, float] = {}
    for event in events:
        name = kind(event.key, event.input_shapes, rank, vocabulary)
        found[name] = found.get(name, 0.0) + event.self_cpu_time_total / 1e6 / steps
    found[BETWEEN] = found.get(BETWEEN, 0.0) + max(0.0, seconds / steps - sum(found.values()))
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def kind(operation: str, shapes: list, rank: int | None, vocabulary: int) -> str:
    """Return an operation's kind; a product is known by a side: the vocabulary, or the ranks of some LoRA pairs."""
    shapes = [shape for shape in shapes or [] if isinstance(shape, (list, tuple))]
    sides = {side for shape in shapes for side in shape}
    if "attention" in operation or operation in ATTENTION or SIDES_OF_SCORES in map(len, shapes):
        return "attention scores"
    if operation in PRODUCTS:
        if vocabulary in sides:
            return "matrix products: output head"
        ranks = {rank * together for together in range(1, MOST_TOGETHER + 1)} if rank else set()
        return "matrix products: LoRA pairs" if ranks & sides else "matrix products: frozen weights"
    if "log_softmax" in operation or "nll" in operation or "cross_entropy" in operation:
        return "loss"
    if "adam" in operation.lower() or "foreach" in operation or "Optimizer" in operation:
        return "optimizer and clipping"
    if operation in ("aten::copy_", "aten::_to_copy", "aten::to", "aten::cat", "aten::clone"):
        return "casts and copies"
    if "::" not in operation or operation.startswith("autograd::"):
        return BETWEEN
    return "norms, activations and other elementwise work"


if __name__ == "__main__":
    main(common.specification())
