"""Token-weighted likelihood of examples under a model; padding never counts and the batch size has no effect."""

import math
import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from cefr_helpers.core import progress as counted
from cefr_helpers.models import generation, prompts

if TYPE_CHECKING:
    import pandas


def score(model, tokenizer, examples: Sequence[dict], batch_size: int) -> "pandas.DataFrame":
    """Return the negative log-likelihood of each example, summed over its tokens.

    The completion is the answer with its end token, given the prompt; the full text is prompt and completion, given
    the first token (the quantity of protocols that train on the whole text).

    Args:
        model: a causal language model, with or without adapter; its mode (train or eval) is restored afterwards.
        examples: formatted examples, never cut.
        batch_size: examples scored at a time; affects only time and memory.

    Returns:
        One row per example, in order: `completion_nll_nats`, `completion_tokens`, `completion_characters`, and the same
        three for `full_text`.
    """
    import pandas as pd
    import torch

    ids = [prompts.tokenise(tokenizer, example) for example in examples]
    characters = [(len(e["output"]), len(prompts.prompt_text(e)) + len(e["output"])) for e in examples]
    longest_first = sorted(range(len(ids)), key=lambda i: -len(ids[i]["prompt_ids"] + ids[i]["completion_ids"]))
    was_training = model.training
    model.eval()
    rows: list[dict] = [{} for _ in ids]
    progress = counted.ProgressLine()
    with torch.inference_mode():
        for start in range(0, len(ids), batch_size):
            batch = longest_first[start : start + batch_size]
            for i, row in zip(batch, _score_batch(model, tokenizer, [ids[i] for i in batch]), strict=True):
                rows[i] = row | {"completion_characters": characters[i][0], "full_text_characters": characters[i][1]}
            done = start + len(batch)
            progress.say(partial("{} of {} examples scored".format, done, len(ids)))
    model.train(was_training)
    return pd.DataFrame(rows)


def _score_batch(model, tokenizer, batch: list[dict]) -> list[dict]:
    import torch
    from torch.nn.functional import cross_entropy

    texts = [torch.tensor(one["prompt_ids"] + one["completion_ids"]) for one in batch]
    pad = tokenizer.pad_token_id
    input_ids = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=pad).to(model.device)
    # no mask: padding comes last, where no token of the text reads it, and attention without a mask is faster
    logits = model(input_ids=input_ids, use_cache=False).logits
    rows = []
    for row, (text, one) in enumerate(zip(texts, batch, strict=True)):
        n = len(text)
        # row by row in fp32: a whole batch of fp32 logits would need gigabytes with a large vocabulary
        nll = cross_entropy(logits[row, : n - 1].float(), input_ids[row, 1:n], reduction="none").double()
        first = len(one["prompt_ids"]) - 1
        rows.append(
            {
                "completion_nll_nats": nll[first:].sum().item(),
                "completion_tokens": n - 1 - first,
                "full_text_nll_nats": nll.sum().item(),
                "full_text_tokens": n - 1,
            }
        )
    return rows


def score_choices(model, tokenizer, groups: Sequence[Sequence[str]]) -> list[list[float]]:
    """Return the log-probability of plain texts, not of answers to a prompt, that begin alike in each group.

    The common beginning of a group is computed once, if each layer of the model keeps all tokens of it. Its own
    log-probability is left out, since it is the same for all texts of the group, so only numbers within one group can
    be compared.

    Returns:
        One list of nats per group, with one number per text, in order.
    """
    import torch

    was_training = model.training
    model.eval()
    progress, found = counted.ProgressLine(), []
    with torch.inference_mode():
        for number, texts in enumerate(groups, 1):
            found.append(_score_group(model, [_plain_ids(tokenizer, text) for text in texts], tokenizer.pad_token_id))
            progress.say(partial("{} of {} gaps filled".format, number, len(groups)))
    model.train(was_training)
    return found


def _plain_ids(tokenizer, text: str) -> list[int]:
    """Return a text's ids after the token that begins a document: the start token, or else the document separator."""
    ids = tokenizer(text).input_ids
    return ids if ids[:1] == [tokenizer.bos_token_id] else [tokenizer.pad_token_id, *ids]


def _score_group(model, rows: list[list[int]], pad: int) -> list[float]:
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import DynamicCache

    # the last shared token is read again, because it predicts the first one that differs
    common = min(len(os.path.commonprefix(rows)), min(map(len, rows)) - 1) - 1
    shared = common if generation.keeps_all_tokens(model) else 0
    rest = [torch.tensor(row[shared:]) for row in rows]
    ids = torch.nn.utils.rnn.pad_sequence(rest, batch_first=True, padding_value=pad).to(model.device)
    given = {}
    if shared:
        cache = DynamicCache(config=model.config)
        model(input_ids=torch.tensor([rows[0][:shared]]).to(model.device), past_key_values=cache, logits_to_keep=1)
        cache.batch_repeat_interleave(len(rows))
        given = {"past_key_values": cache, "attention_mask": ids.new_ones((len(rows), shared + ids.shape[1]))}
    logits = model(input_ids=ids, **given).logits[:, :-1].float()
    # flat, since over a vocabulary that is not the last dimension it takes twice as long
    nats = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(len(rows), -1).double()
    return [-nats[row, common - shared : len(own) - 1].sum().item() for row, own in enumerate(rest)]


def summarise(table: "pandas.DataFrame", part: str = "completion") -> dict[str, float]:
    """Return loss (nats per token), perplexity = exp(loss) and bits per character over all rows of a `score` table."""
    nats = float(table[f"{part}_nll_nats"].sum())
    loss = nats / float(table[f"{part}_tokens"].sum())
    return {
        "loss": loss,
        "perplexity": math.exp(loss),
        "bits_per_character": nats / math.log(2) / float(table[f"{part}_characters"].sum()),
    }
