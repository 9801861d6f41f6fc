"""Where the time of scoring goes: some examples under base + adapter and PyTorch's profiler; sorted by kind."""

from benchmarks.peers import common
from benchmarks.programs.profile_suite import shares
from cefr_helpers import base_model, likelihood


def main(spec: dict) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    base = base_model.resolve(spec["model"])
    tokenizer, model = base_model.load_tokenizer(base), base_model.load_model(base, "bf16")
    # an adapter before its training: its products take as long
    model = get_peft_model(model, LoraConfig(r=spec["rank"], target_modules="all-linear", task_type="CAUSAL_LM"))
    examples = common.read(spec["eval"])[: spec["examples"]]
    likelihood.score(model, tokenizer, examples, spec["batch_size"])  # the first batch of its size takes longer
    with (
        torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as profiler,
        common.Clock() as clock,
    ):
        likelihood.score(model, tokenizer, examples, spec["batch_size"])
    events, vocabulary = profiler.key_averages(group_by_input_shape=True), model.config.vocab_size
    found = shares(events, clock.seconds, len(examples), spec["rank"], vocabulary)
    common.write(spec, ["torch", "transformers", "peft"], shares=found)


if __name__ == "__main__":
    main(common.specification())
