"""Let a training go on with sentences that its model wrote itself, half of the examples, and with the bank's.

Rejection sampling: the model writes for training words, and the sentences that pass become answers of new examples.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from cefr_helpers.core.recipes import EVAL_LOSS, Recipe
from cefr_helpers.models import saving
from cefr_helpers.models.base_model import BaseModel
from cefr_helpers.training import checkpoints, tuning
from cefr_helpers.training import results as training_results
from cefr_helpers.training.tuning import TrainingOutcome

RATE_SHARE = 0.3  # of the recipe's learning rate; docs/lab_log.md has the trials


class Own(Protocol):
    """What writes the sentences and chooses among them; `writing.own_sentences` makes it.

    Attributes:
        bank_examples: examples of the bank for this part of the training.
    """

    @property
    def bank_examples(self) -> Sequence[dict]: ...

    def write(self, adapter: Path, folder: Path) -> tuple[list[dict], dict]:
        """Return examples of the model's own sentences, none if too few pass, and the numbers of the record."""
        ...


def go_on(
    outcome: TrainingOutcome,
    own: Own,
    evaluation: Sequence[dict],
    recipe: Recipe,
    seed: int,
    base: BaseModel,
    folder: Path,
    logs: Path,
) -> TrainingOutcome:
    """Go on with a training; afterwards the model holds the weights of the last step.

    The loss on the bank would choose a checkpoint that learned little of the model's own sentences, so it is measured
    and chooses nothing. If too few sentences pass, the model stays as it is.

    Args:
        outcome: from `tuning.tune`.
        evaluation: formatted examples.
        folder: folder for the adapter, what it writes and the checkpoints; training resumes from a complete one in it.
        logs: folder for the TensorBoard event files.

    Raises:
        FloatingPointError: loss or gradient is not finite; the message names the step.
        MemoryError: the process that writes was killed.
    """
    adapter = folder / "adapter"
    if not adapter.exists():
        saving.save_adapter(outcome.model, adapter, base)
    written, numbers = own.write(adapter, folder / "written")
    if not written:
        print("Self-training: too few of the sentences pass, so the training does not go on", flush=True)
        return replace(outcome, results=outcome.results | {"self_training": numbers | {"examples": 0}})
    train = [*own.bank_examples, *written]
    place = folder / hashlib.sha256(json.dumps(train).encode()).hexdigest()[:12]
    ran = recipe.model_copy(
        update={key: outcome.results["hyperparameters"][key] for key in ("batch_size", "gradient_accumulation_steps")}
        | {"epochs": 1.0, "learning_rate": RATE_SHARE * recipe.learning_rate, "keep_best_by": EVAL_LOSS}
    )
    trainer = tuning.make_trainer(
        outcome.model, outcome.tokenizer, train, list(evaluation), ran, seed, place, logs, keep_last=True
    )
    resume = checkpoints.newest_whole(place)
    print(f"Self-training: {len(train)} examples, {len(written)} of them with its own sentences", flush=True)
    if resume:
        print(f"Resuming self-training from {resume.name}", flush=True)
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    duration_s = time.monotonic() - started
    found = training_results.collect(trainer, ran, ran, duration_s, resume)
    losses = {row["step"]: row["eval_loss"] for row in found["history"] if "eval_loss" in row}
    loss = losses.get(found["total_steps"]) or trainer.evaluate()["eval_loss"]
    numbers |= {"examples": len(train), "duration_s": duration_s, "learning_rate": ran.learning_rate, "eval_loss": loss}
    numbers |= {"steps": found["total_steps"], "history": found["history"]}
    return TrainingOutcome(trainer.model, outcome.tokenizer, outcome.results | {"self_training": numbers})
