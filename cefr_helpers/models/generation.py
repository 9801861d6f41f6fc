"""Generate a model's answers to formatted prompts in batches; each answer is the same as without a batch.

If each layer keeps keys and values of all tokens, the common beginning of a batch's prompts is read only once. Layers
with a sliding window would count padding after that beginning, so for them all padding comes first. Layers with a state
(convolutions, linear attention) would include padding in it, so for them only prompts of equal length share a batch.

On a CPU greedy answers that have ended leave their batch, since a row costs as much when it only gets padding: if one
of 32 answers never ends, most of the time would go into padding. A GPU computes all rows in about the time of one.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial

from cefr_helpers.core import progress as counted
from cefr_helpers.models import prompts

TEMPERATURE = 0.7  # of sampled answers
# As a model was tuned and is measured, whatever its folder recommends: some recommend penalties for repeated words, or
# set a maximum of their own, of which transformers warns for each batch.
_PLAIN = {"repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "max_length": None}
_LIKELIEST = 50  # the tokens that a sampled one is drawn from
_ALL_TOKENS, _LAST_TOKENS, _STATES = "all tokens", "last tokens", "states"
MOST_ROWS = 192  # in batches of 48, a candidate of `make write` takes 1.7 times as long on two cores
_TOKENS_AT_A_TIME = 50_000  # of prompts and answers, whose keys and values take 46 kB a token in the bundled model
_FEWEST_TO_SHRINK = 4  # a smaller batch stays as it is: most of a token's time does not depend on its rows


def answer(
    model,
    tokenizer,
    examples: Sequence[dict],
    max_new_tokens: int,
    batch_size: int | None = None,
    shown: Sequence[dict] = (),
    sample_seed: int | None = None,
    temperature: float = TEMPERATURE,
    begun: str = "",
    logits_processor=None,
) -> list[str]:
    """Return the model's answer to each example's prompt.

    Args:
        model: a causal language model; generates with its cache, in eval mode (its mode is restored afterwards).
        examples: formatted examples; their `output` is not read.
        max_new_tokens: maximum number of tokens of an answer.
        batch_size: maximum number of answers at a time; None: as many as `rows_at_a_time` says.
        shown: examples with their answers that come before each prompt.
        sample_seed: greedy answers if None; otherwise sampled at `temperature` with this seed.
        begun: the beginning of each answer, which is not returned.
        logits_processor: a logits processor of `transformers`; all examples must then be one batch.

    Returns:
        One text per example, in order, without special tokens and surrounding white space.
    """
    import torch

    was_training = model.training
    model.eval()
    if sample_seed is not None:
        torch.manual_seed(sample_seed)
    processors = [logits_processor] if logits_processor else []
    if sample_seed is not None:
        processors.append(_draw(temperature))
    start_ids = tokenizer.encode(begun, add_special_tokens=False) if begun else []
    answers = [""] * len(examples)
    progress = counted.ProgressLine()
    ends = end_tokens(model, tokenizer)
    layers = _kinds_of_layers(model)
    by_length = _STATES in layers and not logits_processor  # it needs one batch; transformers masks its padding
    rows = [prompts.prompt_ids(tokenizer, one, shown) + start_ids for one in examples]
    batch_size = batch_size or rows_at_a_time(max(map(len, rows), default=0), max_new_tokens)
    how = {"do_sample": False, "logits_processor": processors}
    how |= {"eos_token_id": ends, "pad_token_id": tokenizer.pad_token_id, **_PLAIN}
    # samples are drawn for all rows of a batch together, and a logits processor knows them by their places
    shrinks = sample_seed is None and not logits_processor and layers == {_ALL_TOKENS} and model.device.type == "cpu"
    done = 0
    with torch.inference_mode():
        for places in _batches(rows, batch_size, by_length):
            rank = f"answers {done + 1} to {done + len(places)} of {len(rows)}"
            inputs = _inputs(model, tokenizer, [rows[place] for place in places], share=layers == {_ALL_TOKENS})
            written = _write(model, inputs, max_new_tokens, how, partial(_tell, progress, rank), shrinks)
            for place, tokens in zip(places, written, strict=True):
                answers[place] = tokenizer.decode(_up_to(ends, tokens), skip_special_tokens=True).strip()
            done += len(places)
    model.train(was_training)
    return answers


def rows_at_a_time(prompt_tokens: int, max_new_tokens: int) -> int:
    """Return the number of answers in a batch: many take far less time together, and keep tokens in memory."""
    return min(MOST_ROWS, max(1, _TOKENS_AT_A_TIME // (prompt_tokens + max_new_tokens)))


def end_tokens(model, tokenizer) -> list[int]:
    """Return the ids that end an answer: the end of a turn first, then others in the model's own settings."""
    own = model.generation_config.eos_token_id
    own = [] if own is None else [own] if isinstance(own, int) else own
    return list(dict.fromkeys([tokenizer.eos_token_id, *own]))


def keeps_all_tokens(model) -> bool:
    """Return whether each layer keeps all earlier tokens, so that a common beginning can be read once."""
    return _kinds_of_layers(model) == {_ALL_TOKENS}


def _up_to(ends: list[int], tokens: list[int]) -> list[int]:
    return tokens[: next((place for place, token in enumerate(tokens) if token in ends), len(tokens))]


def _kinds_of_layers(model) -> set[str]:
    """Return what the layers keep of earlier tokens: all of them, the last ones, or a state."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    kinds = {DynamicLayer: _ALL_TOKENS, DynamicSlidingWindowLayer: _LAST_TOKENS}
    found = {kinds.get(type(layer), _STATES) for layer in DynamicCache(config=model.config).layers}
    return found | ({_STATES} if getattr(model, "_is_stateful", False) else set())


def _batches(rows: list[list[int]], batch_size: int, by_length: bool) -> list[list[int]]:
    """Yield the positions of rows that share a batch: in order, or rows of equal length."""
    groups: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(len(row) if by_length else 0, []).append(place)
    return [
        places[start : start + batch_size] for places in groups.values() for start in range(0, len(places), batch_size)
    ]


def _draw(temperature: float):
    """Return a logits processor that draws each row's token, and leaves only this one.

    On a CPU, drawing from the whole vocabulary, as transformers does, takes a fifth of a batch's time. The largest of
    the logits with Gumbel noise, minus the logarithm of an exponential number, is a draw from their softmax.
    """

    def draw(input_ids, scores):
        logits, tokens = scores.topk(min(_LIKELIEST, scores.shape[1]))
        noisy = logits.float() / temperature
        noisy -= noisy.new_empty(noisy.shape).exponential_().log_()
        chosen = tokens.gather(1, noisy.argmax(1, keepdim=True))
        return scores.new_full(scores.shape, float("-inf")).scatter_(1, chosen, 0.0)

    return draw


def _tell(progress: counted.ProgressLine, rank: str, tokens: int) -> None:
    progress.say(lambda: f"{rank}: {tokens} tokens")


def _write(model, inputs: dict, most: int, how: dict, tell: Callable[[int], None], shrinks: bool) -> list[list[int]]:
    """Return the new tokens of each row of a batch; what comes after an end is padding.

    Args:
        inputs: from `_inputs`.
        most: maximum number of new tokens of a row.
        how: further arguments of `generate`.
        tell: called after each token with the number of new tokens.
        shrinks: go on without the rows that have ended whenever they are half of the batch.
    """
    import torch

    width, ends = inputs["input_ids"].shape[1], set(how["eos_token_id"])
    places = list(range(len(inputs["input_ids"])))
    written: list[list[int]] = [[] for _ in places]
    while True:
        enough = len(places) // 2 if shrinks and len(places) >= _FEWEST_TO_SHRINK else 0
        left = width + most - inputs["input_ids"].shape[1]
        watch = _watch(lambda ids: tell(ids.shape[1] - width), ends, enough)
        out = model.generate(**inputs, **how, stopping_criteria=[watch], max_new_tokens=left)
        for place, tokens in zip(places, out[:, width:].tolist(), strict=True):
            written[place] = tokens
        going = [row for row, place in enumerate(places) if ends.isdisjoint(written[place])]
        if not going or out.shape[1] == width + most:
            return written
        places, chosen = [places[row] for row in going], torch.tensor(going, device=out.device)
        mask = inputs["attention_mask"]
        read = torch.cat([mask, mask.new_ones(len(mask), out.shape[1] - mask.shape[1])], dim=1)
        inputs["past_key_values"].batch_select_indices(chosen)
        inputs |= {"input_ids": out[chosen], "attention_mask": read[chosen]}


def _watch(tell: Callable, ends: set[int], enough: int):
    """Return a stopping criterion that tells of each token, and stops once at most `enough` rows (not 0) go on."""
    import torch

    ended: set[int] = set()

    def watch(input_ids, scores, **_):
        tell(input_ids)
        if enough:
            ended.update(row for row, token in enumerate(input_ids[:, -1].tolist()) if token in ends)
        stop = len(input_ids) - len(ended) <= enough
        return torch.full((len(input_ids),), stop, dtype=torch.bool, device=input_ids.device)

    return watch


def _inputs(model, tokenizer, rows: list[list[int]], share: bool) -> dict:
    """Return the inputs of `generate`.

    Args:
        share: compute the common beginning of all rows, and duplicate rows, only once; needs a model whose layers keep
            all tokens.
    """
    import torch

    from cefr_helpers.models import growing_cache

    # each row must keep a token to continue from
    shared = min(len(os.path.commonprefix(rows)), min(map(len, rows)) - 1) if share else 0
    prefix, rest = rows[0][:shared], [row[shared:] for row in rows]
    width = max(map(len, rest))
    ids = torch.tensor([prefix + [tokenizer.pad_token_id] * (width - len(row)) + row for row in rest])
    mask = torch.tensor([[1] * shared + [0] * (width - len(row)) + [1] * len(row) for row in rest])
    inputs = {"input_ids": ids.to(model.device), "attention_mask": mask.to(model.device)}
    if not share:
        return inputs
    cache = growing_cache.for_model(model)
    if not shared:
        return inputs | {"past_key_values": cache}
    model(input_ids=inputs["input_ids"][:1, :shared], past_key_values=cache, logits_to_keep=1)
    different = list(dict.fromkeys(map(tuple, rows)))
    if width == 1 or len(different) == len(rows):
        cache.batch_repeat_interleave(len(rows))
    else:
        _read(model, inputs, cache, shared, [rows.index(list(one)) for one in different])
        cache.batch_select_indices(torch.tensor([different.index(tuple(row)) for row in rows], device=model.device))
    return inputs | {"past_key_values": cache}


def _read(model, inputs: dict, cache, shared: int, chosen: list[int]) -> None:
    """Read the chosen rows into the cache, from `shared` up to but not including their last token."""
    cache.batch_repeat_interleave(len(chosen))
    ids, mask = inputs["input_ids"][chosen, shared:-1], inputs["attention_mask"][chosen, :-1]
    positions = (mask.cumsum(1) - 1).clamp(min=0)[:, shared:]
    model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, logits_to_keep=1)
