"""Greedy answers as notebook 03 makes them, in batches or one at a time; the model is loaded before the clock runs."""

from benchmarks.peers import common
from cefr_helpers.models import base_model, generation


def main(spec: dict) -> None:
    base = base_model.resolve(spec["model"])
    tokenizer = base_model.load_tokenizer(base)
    model = base_model.load_model(base, spec["precision"])
    examples = common.read(spec["eval"])[: spec["prompts"]]
    tokenizer.batch_decode, seen = recorded(tokenizer.batch_decode)
    generation.answer(model, tokenizer, examples[:1], 2)
    seen.clear()
    with common.Clock() as clock:
        answers = generation.answer(model, tokenizer, examples, spec["new_tokens"], spec["batch_size"])
    # one token each is the end token where an answer ended; pads behind it are no work of the model's
    new = sum(int((row != tokenizer.pad_token_id).sum()) for rows in seen for row in rows)
    common.write_answers(spec, ["torch", "transformers"], clock.seconds, new, answers)


def recorded(decode):
    """`decode`, and a list of all that it is given: the tokens behind the answers."""
    seen = []

    def keep(rows, **options):
        seen.append(rows)
        return decode(rows, **options)

    return keep, seen


if __name__ == "__main__":
    main(common.specification())
