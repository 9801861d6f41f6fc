"""Import a run that was trained elsewhere: write a training record from its logs, with unknown values as null."""

from pathlib import Path

import yaml

from cefr_helpers.core import files as json_files
from cefr_helpers.core import records, schema
from cefr_helpers.core.errors import InputError
from cefr_helpers.core.levels import check_level
from cefr_helpers.core.paths import Workspace, check_path, project_root
from cefr_helpers.core.recipes import COMPARISON_KEYS, DATA_KEYS, TRAINING_KEYS
from cefr_helpers.training import run_logs
from cefr_helpers.training.run_logs import RunLog

_ARGUMENTS = {  # our setting -> the trainer's argument in a TensorBoard log
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "gradient_checkpointing": "gradient_checkpointing",
    "learning_rate": "learning_rate",
    "optimizer": "optim",
    "lr_scheduler": "lr_scheduler_type",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "logging_steps": "logging_steps",
    "eval_steps": "eval_steps",
    "eval_batch_size": "per_device_eval_batch_size",
}
_UNKNOWN = (
    "merged_model trainable_parameters differences_from_recipe precision device device_reason tokens_per_s "
    "peak_memory_bytes peak_gpu_memory_bytes merge_check resumed_from_step"
)


def adopt(source: Path, level: str, workspace: Workspace, replace: bool = False) -> Path:
    """Write the training record of `level` from the logs of a run trained elsewhere.

    Args:
        source: the run's folder: trainer_state.json in it or in its checkpoint-*, or TensorBoard event files; an
            adapter (adapter_config.json) in it, in a checkpoint or in a folder beside is described too.
        replace: replace the level's records; those of data and comparison, which belong to another training, are then
            removed (copies of all stay in runs/LEVEL/history).

    Raises:
        InputError: there is nothing usable in `source`, or the level has records and `replace` is false.
    """
    check_level(level)
    check_path(source)
    source = Path(source).expanduser().resolve()
    log = run_logs.read(source)
    adapter = _find_adapter(source)
    taken = [path for name in records.NAMES if (path := workspace.record(level, name)).is_file()]
    if taken and not replace:
        raise InputError(
            f"{taken[0]}: level {level} has records already; to replace them with this run, "
            "use `cefr adopt … --replace`"
        )
    inputs = records.hash_inputs([*log.files, *([adapter / "adapter_config.json"] if adapter else [])])
    for path in taken:
        if path != workspace.record(level, "training"):
            path.unlink()
    keys = ("name", *DATA_KEYS, *TRAINING_KEYS, *COMPARISON_KEYS)
    results = _results(source, log, adapter)
    return records.write(
        workspace,
        "training",
        level=level,
        seed=log.facts.get("seed"),
        recipe=dict.fromkeys(keys),
        inputs=inputs,
        results=schema.TrainingResults(**results),
    )


def _results(source: Path, log: RunLog, adapter: Path | None) -> dict:
    train = [row["train_loss"] for row in log.history if "train_loss" in row]
    evaluations = [row for row in log.history if "eval_loss" in row]
    best = min(evaluations, key=lambda row: row["eval_loss"], default=None)
    config = _adapter_config(adapter) if adapter else {}
    return {
        **dict.fromkeys(_UNKNOWN.split()),
        "adopted": {"read": _shown(log.files[0], source)},
        "adapter": _describe(adapter) if adapter else None,
        "base_model": _base_model(adapter, config),
        "hyperparameters": _hyperparameters(log, config),
        "duration_s": log.facts.get("train_runtime"),
        **_steps(log),
        "tokens": log.facts.get("num_input_tokens_seen"),
        "history": log.history,
        "train_loss": _change(train, "last"),
        "eval_loss": _change([row["eval_loss"] for row in evaluations], "best"),
        "best": {key: best[key] for key in ("step", "epoch", "eval_loss")} if best else None,
    }


def _steps(log: RunLog) -> dict:
    """Return steps and epochs if the log has them; the last logged step counts as the last step run."""
    facts = log.facts
    steps, epochs = (facts.get(name) or 0 for name in ("max_steps", "num_train_epochs"))
    reached = [row["epoch"] for row in log.history if row.get("epoch") is not None]
    return {
        "total_steps": int(facts.get("global_step") or log.history[-1]["step"]),
        "steps_per_epoch": round(steps / epochs) if steps > 0 and epochs > 0 else None,
        "epochs": max(reached) if reached else None,
    }


def _hyperparameters(log: RunLog, config: dict) -> dict:
    """Return the settings in the logs; a batch size is the trainer's, per device."""
    facts = log.facts
    told = {ours: facts.get(theirs) for ours, theirs in _ARGUMENTS.items()}
    ratio = facts.get("warmup_ratio") or facts.get("warmup_steps")
    modules = config.get("target_modules")
    return {
        **dict.fromkeys(TRAINING_KEYS),
        **told,
        "batch_size": facts.get("train_batch_size") or facts.get("per_device_train_batch_size"),
        "epochs": facts.get("num_train_epochs"),
        "warmup_ratio": ratio if isinstance(ratio, float) and 0 < ratio < 1 else None,
        "precision": "bf16" if facts.get("bf16") else "fp16" if facts.get("fp16") else None,
        "lora_rank": config.get("r"),
        "lora_alpha": config.get("lora_alpha"),
        "lora_dropout": config.get("lora_dropout"),
        "lora_target_modules": sorted(modules) if isinstance(modules, list) else modules,
    }


def _change(losses: list[float], reached: str) -> dict:
    if not losses:
        return dict.fromkeys(("first", "last", "best", "reduction_pct"))
    found = {"first": losses[0], "last": losses[-1], "best": min(losses)}
    return found | {"reduction_pct": 100 * (1 - found[reached] / losses[0]) if losses[0] else None}


def _find_adapter(source: Path) -> Path | None:
    """Return the adapter's folder: the run's own, or else one beside the logs, or else the newest checkpoint's."""
    folders = [path for path in source.iterdir() if path.is_dir()]
    folders.sort(key=lambda path: (path.name.startswith("checkpoint-"), -path.stat().st_mtime))
    return next((path for path in (source, *folders) if (path / "adapter_config.json").is_file()), None)


def _adapter_config(adapter: Path) -> dict:
    path = adapter / "adapter_config.json"
    config = json_files.read_json(path, "expected the configuration of a PEFT adapter")
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected a JSON object, the configuration of a PEFT adapter")
    return config


def _describe(adapter: Path) -> dict:
    files = {path.name: json_files.sha256(path) for path in sorted(adapter.glob("adapter_*")) if path.is_file()}
    root = project_root()
    inside = adapter.relative_to(root) if adapter.is_relative_to(root) else adapter
    return {"name": adapter.name, "path": str(inside), "files": files}


def _base_model(adapter: Path | None, config: dict) -> dict:
    """Return the base model's name from the adapter's configuration, or else from its model card."""
    name = config.get("base_model_name_or_path") or (_card_base(adapter / "README.md") if adapter else None)
    if isinstance(name, str) and Path(name).is_absolute():
        name = Path(name).name
    unknown = dict.fromkeys(("source", "revision", "sha256", "parameters"))
    return {"name": name, **unknown}


def _card_base(card: Path) -> str | None:
    """Return the first base model that a model card names; None without a readable card."""
    from huggingface_hub import metadata_load

    try:
        base = (metadata_load(card) or {}).get("base_model")
    except (OSError, ValueError, yaml.YAMLError):
        return None
    first = base[0] if isinstance(base, list) and base else base
    return first if isinstance(first, str) else None


def _shown(file: Path, source: Path) -> str:
    return f"{source.name}/{file.relative_to(source).as_posix()}"
