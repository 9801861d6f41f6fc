"""Measure what a model in training writes: greedy answers to development prompts, judged as the comparison judges."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from cefr_helpers.core.errors import required
from cefr_helpers.core.schema import MEASURE_VERSION
from cefr_helpers.models import generation
from cefr_helpers.training import distributed

# The trainer keeps the checkpoint with the highest value of one metric.
METRIC = "joint_success_then_loss"


class Development(Protocol):
    """Prompts of development words, and what judges the answers; `evaluation.dev_answers` makes it.

    Attributes:
        prompts: formatted examples without an answer.
        preparation_s: seconds that it took to make this.
    """

    @property
    def prompts(self) -> Sequence[dict]: ...

    @property
    def preparation_s(self) -> float: ...

    def passed(self, answers: Sequence[str]) -> Sequence[bool]:
        """Return for each requested word whether the answer passes all gates, one prompt after another."""
        ...


def measure(
    model,
    tokenizer,
    development: Development,
    max_new_tokens: int,
    in_writing_mode: Callable[[], AbstractContextManager],
) -> dict[str, float]:
    """Return `joint_success`, the share of requested words that pass, and `answers_s`, the seconds that it took.

    If several processes train together, the first one writes, and the others wait for its result: two results could
    differ in their last digits, and then the processes would keep different checkpoints.

    Args:
        in_writing_mode: makes the context in which the model can write in the middle of its training.
    """
    found: list[dict[str, float] | None] = [None]
    if distributed.rank() == 0:
        started = time.monotonic()
        with in_writing_mode():
            answers = generation.answer(model, tokenizer, development.prompts, max_new_tokens)
        passed = development.passed(answers)
        share = sum(map(bool, passed)) / len(passed)
        found = [{"joint_success": share, "answers_s": time.monotonic() - started}]
    if distributed.world_size() > 1:
        from accelerate.utils import broadcast_object_list

        broadcast_object_list(found)
    return required(found[0])


def order(loss: float, joint_success: float, development: Development) -> float:
    """Return a number that is higher for the better checkpoint: more words that pass; if equal, the lower loss.

    Words are counted in ones, and what the loss adds is below one.
    """
    return joint_success * _slots(development) + 1 / (1 + loss)


def describe(development: Development, history: Sequence[dict]) -> dict:
    """Return the part of the training record about these answers: how many, and the seconds that they took.

    Args:
        history: of the training record; a training that resumed has its earlier evaluations too.
    """
    seconds = [row["answers_s"] for row in history if "answers_s" in row]
    return {
        "measure_version": MEASURE_VERSION,
        "prompts": len(development.prompts),
        "slots": _slots(development),
        "evaluations": len(seconds),
        "preparation_s": development.preparation_s,
        "seconds_per_evaluation": sum(seconds) / len(seconds) if seconds else None,
        "seconds": development.preparation_s + sum(seconds),
    }


def _slots(development: Development) -> int:
    return sum(len(prompt["words"]) for prompt in development.prompts)
