"""Score a growing number of short examples with the base model; loading is not timed."""

from benchmarks.peers import common
from cefr_helpers.models import base_model, likelihood


def main(spec: dict) -> None:
    base = base_model.resolve(spec["model"])
    tokenizer = base_model.load_tokenizer(base)
    model = base_model.load_model(base, "bf16")
    examples = common.read(spec["short"])[: spec["examples"]]
    with common.Clock() as clock:
        table = likelihood.score(model, tokenizer, examples, spec["batch_size"])
    common.write(spec, ["torch", "transformers"], seconds=clock.seconds, tokens=int(table["full_text_tokens"].sum()))


if __name__ == "__main__":
    main(common.specification())
