"""Collect the results of a training run for the record: actual settings, duration, and the history of losses."""

import json
from pathlib import Path

from cefr_helpers.core.recipes import TRAINING_KEYS, Recipe
from cefr_helpers.models import lora_targets


def collect(trainer, recipe: Recipe, chosen: Recipe, duration_s: float, resume: Path | None) -> dict:
    """Return the part of the training record that comes from the run itself.

    Args:
        recipe: the requested recipe.
        chosen: the same recipe, with numbers for settings that are left to the machine.
    """
    import torch

    from cefr_helpers.training.callbacks import ProgressCallback

    state, args = trainer.state, trainer.args
    steps_per_epoch = state.max_steps / args.num_train_epochs
    history = _history(state.log_history, steps_per_epoch)
    train = [row["train_loss"] for row in history if "train_loss" in row]
    evaluations = [row for row in history if "eval_loss" in row]
    best = min(evaluations, key=lambda row: (-row.get("joint_success", 0), row["eval_loss"]), default=None)
    losses = [row["eval_loss"] for row in evaluations]
    progress = next(c for c in trainer.callback_handler.callbacks if isinstance(c, ProgressCallback))
    trainable, everything = trainer.model.get_nb_trainable_parameters()  # counts 4-bit weights unpacked
    ran = chosen.part(TRAINING_KEYS) | {"optimizer": _value(args.optim), "precision": _precision(args)}
    ran["lora_target_modules"] = lora_targets.find(trainer.model, chosen.lora_target_modules)
    return {
        "hyperparameters": ran,
        "differences_from_recipe": _differences(recipe, ran),
        "precision": ran["precision"],
        "device": args.device.type,
        "processes": args.world_size,
        "device_reason": "accelerator found" if torch.cuda.is_available() else "no accelerator found",
        "base_parameters": everything - trainable,
        "trainable_parameters": trainable,
        "duration_s": duration_s,
        "total_steps": state.global_step,
        "steps_per_epoch": round(steps_per_epoch),
        "epochs": round(state.global_step / steps_per_epoch, 4),
        "tokens": progress.tokens,
        "tokens_per_s": progress.tokens_per_s(),
        "peak_memory_bytes": peak_memory_bytes(),
        "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
        "history": history,
        "train_loss": _change(train, "last"),
        "eval_loss": _change(losses, "best"),
        "best": {key: best[key] for key in ("step", "epoch", "eval_loss", "joint_success") if key in best}
        if best
        else None,
        "resumed_from_step": int(resume.name.split("-")[1]) if resume else None,
        # includes all defaults, without the folders of this machine
        "trainer_arguments": {k: v for k, v in json.loads(args.to_json_string()).items() if not k.endswith("_dir")},
    }


def _history(log: list[dict], steps_per_epoch: float) -> list[dict]:
    """Return the trainer's log as rows of the record, without its final summary row.

    The epoch is computed from steps. The trainer counts batches, and the last step of an epoch may have fewer, so it
    reports 1.74 and not 1.72 for step 50 with 29 steps per epoch.
    """
    names = {"loss": "train_loss", "eval_loss": "eval_loss", "learning_rate": "learning_rate", "grad_norm": "grad_norm"}
    names |= {"eval_joint_success": "joint_success", "eval_answers_s": "answers_s"}
    rows = []
    for entry in log:
        found = {names[key]: float(value) for key, value in entry.items() if key in names}
        if found:
            rows.append({"step": entry["step"], "epoch": round(entry["step"] / steps_per_epoch, 4), **found})
    return rows


def _change(losses: list[float], reached: str) -> dict:
    """Return first and last loss, and the reduction in per cent from the first to the "last" or the "best" one."""
    if not losses:
        return {"first": None, "last": None, "best": None, "reduction_pct": None}
    found = {"first": losses[0], "last": losses[-1], "best": min(losses)}
    return found | {"reduction_pct": 100 * (1 - found[reached] / losses[0])}


def _differences(recipe: Recipe, ran: dict) -> list[dict]:
    why = {
        "optimizer": "the one asked for needs a GPU",
        "batch_size": "the largest that fits",
        "gradient_accumulation_steps": "the examples of a step by the batch size",
        "lora_target_modules": "the base model's own names, of those that it has",
        "precision": "chosen for this machine" if recipe.precision == "auto" else "not available on this machine",
    }
    asked = recipe.part(tuple(ran))
    return [
        {"setting": key, "asked": asked[key], "ran": ran[key], "why": why.get(key, "set by the library")}
        for key in ran
        if ran[key] != asked[key]
    ]


def _precision(args) -> str:
    return "bf16" if args.bf16 else "fp16" if args.fp16 else "fp32"


def _value(option) -> str:
    return str(getattr(option, "value", option))


def peak_memory_bytes() -> int:
    """Return the peak resident memory of this process so far, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
