"""Generate greedy answers as notebook 03 does, in batches or one at a time; loading is not timed."""

from benchmarks.peers import common
from cefr_helpers.models import base_model, generation


def main(spec: dict) -> None:
    base = base_model.resolve(spec["model"])
    tokenizer = base_model.load_tokenizer(base)
    model = base_model.load_model(base, spec["precision"])
    examples = common.read(spec["eval"])[: spec["prompts"]]
    tokenizer.decode, seen = recorded(tokenizer.decode)
    generation.answer(model, tokenizer, examples[:1], 2)
    seen.clear()
    with common.Clock() as clock:
        answers = generation.answer(model, tokenizer, examples, spec["new_tokens"], spec["batch_size"])
    # if an answer ended, one more token is its end token; padding after it is not the model's work
    new = sum(min(len(tokens) + 1, spec["new_tokens"]) for tokens in seen)
    common.write_answers(spec, ["torch", "transformers"], clock.seconds, new, answers)


def recorded(decode):
    """Return `decode`, and a list of its arguments: the tokens of each answer, without its end token."""
    seen = []

    def keep(tokens, **options):
        seen.append(tokens)
        return decode(tokens, **options)

    return keep, seen


if __name__ == "__main__":
    main(common.specification())
