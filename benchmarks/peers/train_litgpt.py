"""Train with LitGPT: its own LoRA function in bf16, with the shared recipe's numbers."""

import json
import shutil
from pathlib import Path

import common
import torch
from litgpt.args import EvalArgs, TrainArgs
from litgpt.data import JSON
from litgpt.finetune import lora
from litgpt.prompts import PromptStyle
from litgpt.scripts.convert_hf_checkpoint import convert_hf_checkpoint
from litgpt.scripts.convert_lit_checkpoint import convert_lit_checkpoint

NAME = "SmolLM2-135M-Instruct"


class AsRendered(PromptStyle):
    """The prompt from the chat template, the same for every row of the table."""

    def apply(self, prompt: str, **_) -> str:
        return prompt


def main(spec: dict) -> None:
    folder = Path(spec["folder"])
    checkpoint, out = folder / NAME, folder / "out"
    shutil.copytree(spec["model"], checkpoint, dirs_exist_ok=True)
    convert_hf_checkpoint(checkpoint_dir=checkpoint, model_name=NAME)
    clock = common.Clock()
    lora.fit = timed(lora.fit, clock)
    lora.get_lr_scheduler = linear  # it only has a cosine schedule
    adapter = {
        "precision": "bf16-true",
        "lora_r": spec["rank"],
        "lora_alpha": spec["alpha"],
        "lora_dropout": spec["dropout"],
        **{f"lora_{where}": True for where in ("query", "key", "value", "projection", "mlp")},
    }
    lora.save_hyperparameters = saver({"checkpoint_dir": str(checkpoint), **adapter})
    lora.setup(
        checkpoint_dir=checkpoint,
        out_dir=out,
        devices=1,
        **adapter,
        data=JSON(json_path=data(spec, folder), mask_prompt=True, prompt_style=AsRendered(), num_workers=0),
        train=TrainArgs(
            save_interval=None,
            log_interval=1,
            global_batch_size=spec["batch_size"] * spec["accumulation"],
            micro_batch_size=spec["batch_size"],
            lr_warmup_steps=spec["warmup_steps"],
            epochs=1,
            max_steps=spec["steps"],
            max_seq_length=spec["max_seq_length"],
        ),
        eval=EvalArgs(
            interval=spec["steps"] + 1, max_new_tokens=1, max_iters=1, initial_validation=False, final_validation=False
        ),
        optimizer={
            "class_path": "torch.optim.AdamW",
            "init_args": {"lr": spec["learning_rate"], "weight_decay": spec["weight_decay"]},
        },
        seed=spec["seed"],
    )
    convert_lit_checkpoint(checkpoint_dir=out / "final", output_dir=folder / "merged")
    common.write(
        spec,
        ["torch", "lightning", "litgpt"],
        train_s=clock.seconds,
        merged=str(folder / "merged" / "model.pth"),
        steps=spec["steps"],
    )


def data(spec: dict, folder: Path) -> Path:
    """Write two files; LitGPT takes its sanity check from the second."""
    rows = [{"instruction": row["prompt"], "output": row["output"]} for row in common.read(spec["rows"])]
    path = folder / "data"
    path.mkdir(exist_ok=True)
    (path / "train.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    (path / "val.json").write_text(json.dumps(rows[:1], ensure_ascii=False), encoding="utf-8")
    return path


def timed(work, clock: common.Clock):
    def run(*arguments, **options):
        with clock:
            return work(*arguments, **options)

    return run


def saver(arguments: dict):
    """Replace LitGPT's function that reads arguments from its command line: the merge reads them from a file."""

    def save(function, folder: Path, **_) -> None:
        (folder / "hyperparameters.yaml").write_text(json.dumps(arguments))  # JSON is YAML

    return save


def linear(optimizer, warmup_steps: int, max_steps: int):
    """Return a schedule that rises over the warm-up and then falls to zero, as in the other rows."""

    def share(step: int) -> float:
        return step / max(warmup_steps, 1) if step < warmup_steps else (max_steps - step) / (max_steps - warmup_steps)

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)


if __name__ == "__main__":
    main(common.specification())
