"""Compute the loss of a trained model on held-out completions, by the same code for every row of the table."""

from benchmarks.peers import common
from cefr_helpers.models import base_model, likelihood


def main(spec: dict) -> None:
    base = base_model.resolve(spec["model"])
    tokenizer = base_model.load_tokenizer(base)
    examples = common.read(spec["eval"])[: spec["examples"]]
    table = likelihood.score(trained(base, spec), tokenizer, examples, 8)
    common.write(spec, ["torch", "transformers", "peft"], loss=likelihood.summarise(table)["loss"])


def trained(base: base_model.BaseModel, spec: dict):
    """Return base with adapter, or the base's form with the merged weights of a peer that saves no adapter."""
    import torch
    from peft import PeftModel

    model = base_model.load_model(base, "bf16")
    if spec.get("adapter"):
        return PeftModel.from_pretrained(model, spec["adapter"]).eval()
    if spec.get("merged"):
        weights = torch.load(spec["merged"], map_location="cpu", weights_only=True)
        missing, unexpected = model.load_state_dict(weights, strict=False)
        if unexpected or set(missing) - {"lm_head.weight"}:  # tied to the embedding
            raise ValueError(f"{spec['merged']}: weights missing {missing[:3]}, unexpected {unexpected[:3]}")
    return model


if __name__ == "__main__":
    main(common.specification())
