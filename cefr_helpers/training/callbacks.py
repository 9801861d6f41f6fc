"""Callbacks of the training: progress lines, a stop when a number is not finite, and sealed checkpoints.

The progress lines appear both in JupyterLab and in the batch's log.
"""

import math
import time
from pathlib import Path

from transformers import TrainerCallback

from cefr_helpers.core.progress import clock
from cefr_helpers.training import checkpoints


class SealCheckpoint(TrainerCallback):
    """Seals each checkpoint when all processes of the trainer have written it completely."""

    def on_save(self, args, state, control, **kwargs):
        args.distributed_state.wait_for_everyone()
        if state.is_world_process_zero:
            checkpoints.seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")


class ProgressCallback(TrainerCallback):
    """Prints step, losses, tokens/s and time left; counts real tokens; stops on a loss that is not finite."""

    def __init__(self):
        self.tokens = 0
        self._started = time.monotonic()
        self._first_step = 0
        self._first_tokens = 0
        self._busy_s = 0.0  # without evaluations
        self._busy_since = self._started

    def on_train_begin(self, args, state, control, **kwargs):
        self._started = self._busy_since = time.monotonic()
        self._first_step = state.global_step
        self._first_tokens = self.tokens = state.num_input_tokens_seen

    def on_step_end(self, args, state, control, **kwargs):
        now = time.monotonic()
        self._busy_s += now - self._busy_since
        self._busy_since = now
        self.tokens = state.num_input_tokens_seen

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        self._busy_since = time.monotonic()

    def on_log(self, args, state, control, logs=None, **kwargs):
        self._check_finite(logs, state.global_step)
        if "loss" not in logs and "eval_loss" not in logs:
            return
        elapsed = time.monotonic() - self._started
        done = state.global_step - self._first_step
        left = elapsed / done * (state.max_steps - state.global_step) if done else math.nan
        loss = f"train loss {float(logs['loss']):.4f}" if "loss" in logs else f"eval loss {logs['eval_loss']:.4f}"
        if "eval_joint_success" in logs:
            loss += (
                f"  joint success {logs['eval_joint_success']:.1%} ({clock(logs['eval_answers_s'])} for the answers)"
            )
        print(
            f"step {state.global_step}/{state.max_steps}  "
            f"epoch {state.global_step * args.num_train_epochs / state.max_steps:.2f}  {loss}  "
            f"{self.tokens_per_s() or 0:.0f} tokens/s  {clock(elapsed)} passed, "
            f"{clock(left) if math.isfinite(left) else '-:--'} left",
            flush=True,
        )

    def tokens_per_s(self) -> float | None:
        """Return tokens of text per second of training, without the time of evaluations; None before the first step."""
        return (self.tokens - self._first_tokens) / self._busy_s if self._busy_s else None

    @staticmethod
    def _check_finite(logs: dict, step: int) -> None:
        for name in ("loss", "grad_norm", "eval_loss"):
            value = float(logs.get(name, 0.0))
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"{name} is {value} at step {step}: training stopped, nothing is published; "
                    "lower learning_rate, or set precision: fp32 in the recipe"
                )
