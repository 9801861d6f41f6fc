"""Greedy answers of a model to formatted prompts, in left-padded batches that stop at the end token."""

from collections.abc import Sequence

from cefr_helpers import prompts


def answer(
    model,
    tokenizer,
    examples: Sequence[dict],
    max_new_tokens: int,
    batch_size: int = 8,
    shown: Sequence[dict] = (),
) -> list[str]:
    """The model's greedy answer to each example's prompt.

    Args:
        model: a causal language model; generates with its cache, in eval mode (restored afterwards).
        examples: formatted examples; their `output` is not read.
        max_new_tokens: where an answer that never ends is cut.
        shown: examples that stand before each prompt, with their answers.

    Returns:
        One text an example, in order, without special tokens and surrounding white space.
    """
    import torch

    was_training = model.training
    model.eval()
    answers = []
    with torch.inference_mode():
        for start in range(0, len(examples), batch_size):
            rows = [prompts.prompt_ids(tokenizer, one, shown) for one in examples[start : start + batch_size]]
            width = max(map(len, rows))
            ids = torch.tensor([[tokenizer.pad_token_id] * (width - len(row)) + row for row in rows])
            mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
            out = model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
            answers += tokenizer.batch_decode(out[:, width:], skip_special_tokens=True)
    model.train(was_training)
    return [text.strip() for text in answers]
