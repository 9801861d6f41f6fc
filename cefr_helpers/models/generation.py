"""Answers of a model to formatted prompts, in left-padded batches that stop at the end token."""

import os
from collections.abc import Sequence

from cefr_helpers.core import progress as counted
from cefr_helpers.models import prompts

TEMPERATURE = 0.7  # of sampled answers
ANSWERS_AT_A_TIME = 32  # together they take far less time than one after the other


def answer(
    model,
    tokenizer,
    examples: Sequence[dict],
    max_new_tokens: int,
    batch_size: int = ANSWERS_AT_A_TIME,
    shown: Sequence[dict] = (),
    sample_seed: int | None = None,
    temperature: float = TEMPERATURE,
    begun: str = "",
    logits_processor=None,
) -> list[str]:
    """The model's answer to each example's prompt.

    Args:
        model: a causal language model; generates with its cache, in eval mode (restored afterwards).
        examples: formatted examples; their `output` is not read.
        max_new_tokens: where an answer that never ends is cut.
        shown: examples that stand before each prompt, with their answers.
        sample_seed: greedy answers if None; else sampled at `temperature`, after this seed.
        begun: what each answer begins with; it is no part of what is returned.
        logits_processor: what changes the logits of a batch, as `transformers` takes it; all examples have to be one
            batch then.

    Returns:
        One text an example, in order, without special tokens and surrounding white space.
    """
    import torch

    was_training = model.training
    model.eval()
    if sample_seed is not None:
        torch.manual_seed(sample_seed)
    how = {"do_sample": False} if sample_seed is None else {"do_sample": True, "temperature": temperature}
    start_ids = tokenizer.encode(begun, add_special_tokens=False) if begun else []
    answers = []
    progress = counted.ProgressLine()
    with torch.inference_mode():
        for start in range(0, len(examples), batch_size):
            batch = examples[start : start + batch_size]
            rows = [prompts.prompt_ids(tokenizer, one, shown) + start_ids for one in batch]
            rank = f"answers {start + 1} to {start + len(rows)} of {len(examples)}"
            inputs, width = _inputs(model, tokenizer, rows)
            out = model.generate(
                **inputs,
                **how,
                stopping_criteria=[_telling(progress, rank, width)],
                logits_processor=[logits_processor] if logits_processor else None,
                max_new_tokens=max_new_tokens,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
            answers += tokenizer.batch_decode(out[:, width:], skip_special_tokens=True)
    model.train(was_training)
    return [text.strip() for text in answers]


def _telling(progress: counted.ProgressLine, rank: str, width: int):
    """A stopping criterion that stops nothing, and tells how many tokens the answers have; called once a token."""
    import torch

    def tell(input_ids, scores, **_):
        progress.say(lambda: f"{rank}: {input_ids.shape[1] - width} tokens")
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)

    return tell


def _inputs(model, tokenizer, rows: list[list[int]]) -> tuple[dict, int]:
    """What `generate` starts from, and how many tokens that is.

    What all rows begin with is computed only once, and so is a row that is there several times.
    """
    import torch
    from transformers import DynamicCache

    # each row must keep a token to go on from
    shared = min(len(os.path.commonprefix(rows)), min(map(len, rows)) - 1)
    prefix, rest = rows[0][:shared], [row[shared:] for row in rows]
    width = max(map(len, rest))
    ids = torch.tensor([prefix + [tokenizer.pad_token_id] * (width - len(row)) + row for row in rest])
    mask = torch.tensor([[1] * shared + [0] * (width - len(row)) + [1] * len(row) for row in rest])
    inputs = {"input_ids": ids.to(model.device), "attention_mask": mask.to(model.device)}
    if not shared:
        return inputs, width
    cache = DynamicCache(config=model.config)
    model(input_ids=inputs["input_ids"][:1, :shared], past_key_values=cache, logits_to_keep=1)
    different = list(dict.fromkeys(map(tuple, rows)))
    if width == 1 or len(different) == len(rows):
        cache.batch_repeat_interleave(len(rows))
    else:
        _read(model, inputs, cache, shared, [rows.index(list(one)) for one in different])
        cache.batch_select_indices(torch.tensor([different.index(tuple(row)) for row in rows], device=model.device))
    return inputs | {"past_key_values": cache}, shared + width


def _read(model, inputs: dict, cache, shared: int, chosen: list[int]) -> None:
    """Take the chosen rows into the cache, from `shared` to before their last token."""
    cache.batch_repeat_interleave(len(chosen))
    ids, mask = inputs["input_ids"][chosen, shared:-1], inputs["attention_mask"][chosen, :-1]
    positions = (mask.cumsum(1) - 1).clamp(min=0)[:, shared:]
    model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, logits_to_keep=1)
