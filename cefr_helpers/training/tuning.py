"""LoRA tuning with Unsloth and TRL: tune, resume, keep the best checkpoint."""

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cefr_helpers.core import files, records
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.paths import Stage
from cefr_helpers.core.recipes import DATA_KEYS, JOINT_SUCCESS, MOST, Recipe
from cefr_helpers.core.schema import MEASURE_VERSION
from cefr_helpers.models import attention, likelihood, lora_targets, memory, output_head, prompts
from cefr_helpers.models.base_model import BaseModel
from cefr_helpers.training import answering, batch_size, checkpoints, distributed, preflight, weighted_loss
from cefr_helpers.training import results as training_results


@dataclass(frozen=True)
class TrainingOutcome:
    """The outcome of a training run: the model at its best checkpoint, and the numbers of the record."""

    model: object
    tokenizer: object
    results: dict


def prepare_unsloth(run_folder: Path) -> None:
    """Import Unsloth, which must come before transformers and TRL, and only in a process that trains.

    Args:
        run_folder: folder for Unsloth's compiled code, so that parallel runs and processes do not share one.
    """
    preflight.check_gpu()
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # TRL would report each training to the hub
    own = f"unsloth_compiled_cache{distributed.rank() or ''}"
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(run_folder / own))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch
    import unsloth  # noqa: F401

    if distributed.world_size() > 1 and not torch.cuda.is_available():
        os.environ["ACCELERATE_USE_CPU"] = "true"  # otherwise it lets CPU processes train separately
        # it calls their devices cpu:0 and cpu:1, with which torch.load cannot load the optimizer again
        torch.serialization.register_package(
            0, lambda storage: None, lambda storage, place: storage if place.startswith("cpu:") else None
        )


def load(base: BaseModel, recipe: Recipe, seed: int):
    """Load the base model with fresh LoRA weights, and its tokenizer, ready to train.

    Returns:
        (model, tokenizer).
    """
    import torch
    from unsloth import FastLanguageModel

    from cefr_helpers.models.base_model import load_tokenizer
    from cefr_helpers.training import lora_products

    dtypes = {"auto": None, "bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    model, _ = FastLanguageModel.from_pretrained(
        model_name=str(base.folder),
        max_seq_length=recipe.max_seq_length,
        dtype=dtypes[recipe.precision],
        load_in_4bit=recipe.load_in_4bit,
        use_gradient_checkpointing="unsloth" if recipe.gradient_checkpointing else False,
        local_files_only=True,
        trust_remote_code=False,
    )
    model = FastLanguageModel.get_peft_model(
        model,
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=lora_targets.find(model, recipe.lora_target_modules),
        bias="none",
        use_gradient_checkpointing="unsloth" if recipe.gradient_checkpointing else False,
        random_state=seed,
        max_seq_length=recipe.max_seq_length,
    )
    if model.device.type == "cpu":  # on a GPU Unsloth has its own of these
        attention.enable(model.get_base_model())
        output_head.enable(model)
        lora_products.enable(model)
        memory.keep_freed()
    return model, load_tokenizer(base)


def fingerprint(base: BaseModel, recipe: Recipe, seed: int, data: dict[str, str]) -> str:
    """Return twelve hex digits over everything that affects a training run; it resumes only checkpoints with the same.

    Args:
        data: file -> sha256 of the formatted examples.
    """
    left_out = {"eval_batch_size", *DATA_KEYS} - {"max_seq_length"}
    shaping = {key: value for key, value in recipe.decisive(Stage.TRAIN).items() if key not in left_out}
    judged = {"measure_version": MEASURE_VERSION} if recipe.keep_best_by == JOINT_SUCCESS else {}
    parts = {
        "recipe": shaping | judged,
        "seed": seed,
        "base": [base.sha256, base.files_sha256],
        "data": sorted(data.values()),
        "versions": records.versions(),
        "processes": distributed.world_size(),  # each has its own random state
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def tune(
    model,
    tokenizer,
    train: list[dict],
    evaluation: list[dict],
    recipe: Recipe,
    seed: int,
    folder: Path,
    logs: Path,
    development: answering.Development | None = None,
) -> TrainingOutcome:
    """Train the adapter; afterwards the model holds the best checkpoint, by eval loss or Joint Success (the recipe).

    The eval loss is the token-weighted loss of the completions by `likelihood.score`, the same quantity that the
    baseline comparison reports. If several processes train together, all but the first exit here.

    Args:
        train: formatted examples.
        evaluation: formatted examples.
        folder: folder for the checkpoints; training resumes from a complete one in it.
        logs: folder for the TensorBoard event files.
        development: for `keep_best_by: joint_success`, what makes prompts and judges answers; otherwise None.

    Raises:
        ValueError: the recipe keeps by Joint Success without `development`, or with it by eval loss.
        FloatingPointError: loss or gradient is not finite; the message names the step.
        InputError: there is nothing to resume, and the adapter is not fresh.
    """
    import torch

    if (development is not None) != (recipe.keep_best_by == JOINT_SUCCESS):
        raise ValueError(f"keep_best_by: {recipe.keep_best_by}, but development is {type(development).__name__}")
    resume = checkpoints.newest_whole(folder)
    if resume:
        print(f"Resuming from {resume.name}", flush=True)
    else:
        _check_fresh(model)
    on_gpu = model.device.type == "cuda"
    ran = batch_size.resolve(recipe, folder, on_gpu, lambda size: _fits(model, tokenizer, train, recipe, seed, size))
    trainer = make_trainer(model, tokenizer, train, evaluation, ran, seed, folder, logs, development)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    duration_s = time.monotonic() - started
    trainer.accelerator.wait_for_everyone()  # each has loaded the best checkpoint, which can be removed now
    if distributed.rank():
        sys.exit(0)
    found = training_results.collect(trainer, recipe, ran, duration_s, resume)
    if development:
        found["dev_answers"] = answering.describe(development, found["history"])
    return TrainingOutcome(trainer.model, tokenizer, found)


@contextmanager
def _writing(model, recipe: Recipe) -> Iterator[None]:
    """Let a model write in the middle of its training: without dropout, with its cache, and with no trace afterwards.

    Unsloth's own `generate` would leave gradient checkpointing off, and parts of the model in inference mode.
    """
    import torch
    from unsloth import FastLanguageModel

    checkpointing = "unsloth" if recipe.gradient_checkpointing else False
    with torch.random.fork_rng([model.device] if model.device.type == "cuda" else []):
        FastLanguageModel.for_inference(model)
        try:
            yield
        finally:
            FastLanguageModel.for_training(model, use_gradient_checkpointing=checkpointing)


def _fits(model, tokenizer, train: list[dict], recipe: Recipe, seed: int, size: int) -> bool:
    """Return whether one step with the longest examples fits into the device's memory; the model is not changed."""
    import torch
    from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

    from cefr_helpers.training.callbacks import ProgressCallback, SealCheckpoint

    counts = prompts.token_counts(tokenizer, train)
    longest = sorted(range(len(counts)), key=lambda place: -sum(counts[place]))
    rows = [train[longest[place % len(counts)]] for place in range(size)]
    one_step = {"batch_size": size, "gradient_accumulation_steps": 1, "epochs": 1, "eval_steps": MOST}
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    before = [weight.detach().clone() for weight in weights]
    try:
        with tempfile.TemporaryDirectory(prefix="cefr") as place:
            folder = Path(place)
            trial = recipe.model_copy(update=one_step)
            trainer = make_trainer(model, tokenizer, rows, train[:1], trial, seed, folder, folder / "logs")
            for callback in (ProgressCallback, SealCheckpoint):  # a trial should not report anything
                trainer.remove_callback(callback)
            trainer.train()
        return True
    except RuntimeError as error:  # includes PyTorch's out-of-memory error
        if not should_reduce_batch_size(error):
            raise
        return False
    finally:
        trainer = None
        with torch.no_grad():
            for weight, value in zip(weights, before, strict=True):
                weight.copy_(value)
                weight.grad = None
        clear_device_cache(garbage_collection=True)


def _check_fresh(model) -> None:
    """Refuse weights that an interrupted training left in this kernel: starting from them gives a different result."""
    if any(bool(weights.any()) for name, weights in model.named_parameters() if "lora_B" in name):
        raise InputError(
            "adapter: trained already in this kernel, and there is no checkpoint to resume from; run again from the "
            "cell that loads the base model with fresh LoRA weights"
        )


def make_trainer(
    model,
    tokenizer,
    train,
    evaluation,
    recipe: Recipe,
    seed: int,
    folder: Path,
    logs: Path,
    development=None,
    keep_last: bool = False,
):
    """Return TRL's trainer with every setting of the recipe; arguments as in `tune`.

    Args:
        keep_last: the model keeps the weights of the last step, not those of the best checkpoint.
    """
    import torch
    from datasets import Dataset
    from packaging.version import Version
    from peft.helpers import disable_input_dtype_casting
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    from cefr_helpers.training.callbacks import ProgressCallback, SealCheckpoint

    class Trainer(SFTTrainer):
        """Evaluates with `likelihood.score` instead of averaging batch means."""

        control: Any  # transformers sets it

        def train(self, *args, **kwargs):
            with disable_input_dtype_casting(self.model):  # it would cast to 32 bits, and autocast back to 16
                return super().train(*args, **kwargs)

        def evaluate(self, eval_dataset=None, ignore_keys=None, metric_key_prefix="eval"):
            table = likelihood.score(self.model, tokenizer, evaluation, recipe.eval_batch_size)
            found = {"loss": likelihood.summarise(table)["loss"]}
            order = {}
            if development:
                found |= self._answers()
                order = {answering.METRIC: answering.order(found["loss"], found["joint_success"], development)}
            metrics = {f"{metric_key_prefix}_{name}": value for name, value in found.items()}
            self.log(metrics)
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            return metrics | {f"{metric_key_prefix}_{name}": value for name, value in order.items()}

        def _answers(self):
            with self.accelerator.autocast():
                return answering.measure(
                    self.model, tokenizer, development, recipe.max_new_tokens, lambda: _writing(self.model, recipe)
                )

        def _save_checkpoint(self, model, trial):
            with files.explain_full_disk(folder, size):
                super()._save_checkpoint(model, trial)

        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            if weighted_loss.COLUMN not in inputs:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            # over the tokens of all processes, whose gradients will be averaged
            return weighted_loss.compute(model, inputs, num_items_in_batch) * self.accelerator.num_processes

    os.environ["TENSORBOARD_LOGGING_DIR"] = str(logs)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    size = 3 * sum(weight.numel() * weight.element_size() for weight in trained)  # with the optimizer's two moments
    dtype = model.get_input_embeddings().weight.dtype
    # token weights need padded rows; otherwise Unsloth has kernels on a GPU, and decides
    # before torch 2.12 it has no kernel for attention without padding, and takes the examples one by one
    has_kernel = Version(torch.__version__) >= Version("2.12")
    unpadded = model.device.type == "cuda" and recipe.target_word_weight == 1 and has_kernel
    args = SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.eval_batch_size,
        gradient_accumulation_steps=distributed.local_accumulation_steps(
            recipe.gradient_accumulation_steps, distributed.world_size()
        ),
        gradient_checkpointing=recipe.gradient_checkpointing,
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        optim=recipe.optimizer,
        lr_scheduler_type=recipe.lr_scheduler,
        warmup_steps=recipe.warmup_ratio,  # transformers 5: a number below 1 is a share of all steps
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        max_length=recipe.max_seq_length,
        bf16=dtype == torch.bfloat16,
        fp16=dtype == torch.float16,
        logging_steps=recipe.logging_steps,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        eval_strategy="steps",
        eval_steps=recipe.eval_steps,
        save_strategy="steps",
        save_steps=recipe.eval_steps,
        save_total_limit=2,
        load_best_model_at_end=not keep_last,
        # without one no checkpoint is the best, which a resumed training would need
        metric_for_best_model=None if keep_last else f"eval_{answering.METRIC}" if development else "eval_loss",
        greater_is_better=bool(development),
        packing=False,
        padding_free=None if unpadded else False,
        include_num_input_tokens_seen="non_padding",
        remove_unused_columns=False,  # keeps the weights of the loss
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_num_workers=0,
        report_to=["tensorboard"],
        disable_tqdm=True,
        seed=seed,
        data_seed=seed,
        ddp_find_unused_parameters=False,  # every LoRA weight takes part in every step
    )
    rows = prompts.training_rows(tokenizer, train, recipe.max_seq_length, recipe.loss_on)
    if recipe.target_word_weight != 1:
        rows = weighted_loss.add_weights(rows, tokenizer, train, recipe.target_word_weight)
    # the second only shows the trainer that there is an evaluation; Trainer.evaluate scores the examples themselves
    datasets = [Dataset.from_list(chosen) for chosen in (rows, rows[:1])]
    for dataset in datasets:
        dataset._unsloth_truncated_to = recipe.max_seq_length  # otherwise Unsloth would pad them to be safe
    trainer = Trainer(
        model=model,
        processing_class=tokenizer,
        args=args,
        train_dataset=datasets[0],
        eval_dataset=datasets[1],
        callbacks=[ProgressCallback(), SealCheckpoint()],
    )
    if recipe.target_word_weight != 1:
        trainer.data_collator = weighted_loss.Collator(trainer.data_collator)
    trainer.remove_callback(PrinterCallback)
    return trainer
