"""Evaluate as scripts usually do: load two models one after the other, with padded batches in the order of the file."""

import common
import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


def main(spec: dict) -> None:
    rows = common.read(spec["eval_rows"])[: spec["examples"]]
    with common.Clock() as clock:
        tokenizer = AutoTokenizer.from_pretrained(spec["model"])
        base_loss = loss(load(spec), tokenizer, rows, spec["batch_size"])
        tuned_loss = loss(PeftModel.from_pretrained(load(spec), spec["adapter"]), tokenizer, rows, spec["batch_size"])
    common.write(
        spec,
        ["torch", "transformers", "peft"],
        seconds=clock.seconds,
        base_loss=base_loss,
        tuned_loss=tuned_loss,
    )


def load(spec: dict):
    return AutoModelForCausalLM.from_pretrained(spec["model"], dtype=DTYPES[spec["precision"]]).eval()


@torch.no_grad()
def loss(model, tokenizer, rows: list[dict], batch_size: int) -> float:
    """Return the mean over all completion tokens of all rows."""
    nats = tokens = 0
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        padded = tokenizer.pad(
            {"input_ids": [row["input_ids"] for row in batch]}, padding_side="right", return_tensors="pt"
        )
        logits = model(**padded).logits
        labels = torch.full_like(padded["input_ids"], -100)
        for line, row in zip(labels, batch, strict=True):
            line[: len(row["labels"])] = torch.tensor(row["labels"])
        flat = logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten()
        nats += cross_entropy(*flat, ignore_index=-100, reduction="sum").double().item()
        tokens += (labels[:, 1:] != -100).sum().item()
    return nats / tokens


if __name__ == "__main__":
    main(common.specification())
