"""Profile the time of a token: this suite answers one prompt under PyTorch's profiler; sorted by kind of work."""

from benchmarks.peers import common
from benchmarks.programs.profile_suite import shares
from cefr_helpers.models import base_model, generation


def main(spec: dict) -> None:
    import torch

    base = base_model.resolve(spec["model"])
    tokenizer, model = base_model.load_tokenizer(base), base_model.load_model(base, "bf16")
    examples, tokens = common.read(spec["eval"])[:1], spec["new_tokens"]
    generation.answer(model, tokenizer, examples, 2)
    with (
        torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as profiler,
        common.Clock() as clock,
    ):
        generation.answer(model, tokenizer, examples, tokens)
    events, vocabulary = profiler.key_averages(group_by_input_shape=True), model.config.vocab_size
    found = shares(events, clock.seconds, tokens, None, vocabulary)
    common.write(spec, ["torch", "transformers"], shares=found)


if __name__ == "__main__":
    main(common.specification())
