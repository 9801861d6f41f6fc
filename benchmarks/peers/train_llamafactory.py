"""Train with LLaMA-Factory: its own entry point and its example file for LoRA, with the shared recipe's numbers."""

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import common


def main(spec: dict) -> None:
    folder = Path(spec["folder"])
    data = folder / "data"
    data.mkdir(exist_ok=True)
    rows = [{key: row[key] for key in ("instruction", "input", "output")} for row in common.read(spec["rows"])]
    (data / "examples.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    (data / "dataset_info.json").write_text(json.dumps({"examples": {"file_name": "examples.json"}}))
    leave_out("torchaudio")
    from llamafactory.train.tuner import run_exp

    run_exp(arguments(spec, folder, data))
    trained = json.loads((folder / "adapter" / "train_results.json").read_text())
    state = json.loads((folder / "adapter" / "trainer_state.json").read_text())
    common.write(
        spec,
        ["torch", "transformers", "trl", "peft", "llamafactory"],
        train_s=trained["train_runtime"],
        adapter=str(folder / "adapter"),
        steps=state["global_step"],
    )


def leave_out(name: str) -> None:
    """Register an empty module: LLaMA-Factory imports torchaudio, only for audio, whose builds load only with CUDA."""
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    sys.modules[name] = module


def arguments(spec: dict, folder: Path, data: Path) -> dict:
    """Return the arguments of its example `llama3_lora_sft.yaml`: batches of 1, bf16; it recomputes by default."""
    return {
        "stage": "sft",
        "do_train": True,
        "model_name_or_path": spec["model"],
        "finetuning_type": "lora",
        "lora_rank": spec["rank"],
        "lora_alpha": spec["alpha"],
        "lora_dropout": spec["dropout"],
        "lora_target": "all",
        "dataset_dir": str(data),
        "dataset": "examples",
        "template": "smollm2",
        "cutoff_len": spec["max_seq_length"],
        "output_dir": str(folder / "adapter"),
        "overwrite_output_dir": True,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "per_device_train_batch_size": spec["batch_size"],
        "gradient_accumulation_steps": spec["accumulation"],
        "max_steps": spec["steps"],
        "learning_rate": spec["learning_rate"],
        "lr_scheduler_type": "linear",
        "warmup_steps": spec["warmup_steps"],
        "weight_decay": spec["weight_decay"],
        "optim": "adamw_torch",
        "bf16": True,
        "use_cpu": True,
        "seed": spec["seed"],
    }


if __name__ == "__main__":
    main(common.specification())
