"""Evaluate as notebook 03 does: one loaded model, base with the adapter switched off, longest examples first."""

from benchmarks.peers import common
from cefr_helpers.models import base_model, likelihood


def main(spec: dict) -> None:
    from peft import PeftModel

    examples = common.read(spec["eval"])[: spec["examples"]]
    with common.Clock() as clock:
        base = base_model.resolve(spec["model"])
        tokenizer = base_model.load_tokenizer(base)
        model = PeftModel.from_pretrained(base_model.load_model(base, spec["precision"]), spec["adapter"]).eval()
        with model.disable_adapter():
            before = likelihood.score(model, tokenizer, examples, spec["batch_size"])
        after = likelihood.score(model, tokenizer, examples, spec["batch_size"])
    common.write(
        spec,
        ["torch", "transformers", "peft"],
        seconds=clock.seconds,
        base_loss=likelihood.summarise(before)["loss"],
        tuned_loss=likelihood.summarise(after)["loss"],
    )


if __name__ == "__main__":
    main(common.specification())
