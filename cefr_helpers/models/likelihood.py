"""Token-weighted likelihood of examples under a model; padding never counts and the batch size has no effect."""

import math
import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cefr_helpers.core import progress as counted
from cefr_helpers.models import generation, prompts

if TYPE_CHECKING:
    import pandas
    import torch

_TOKENS_AT_A_TIME = 2048  # of texts in `score_choices`; half as many take a fifth more time on a CPU


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
    input_ids = _padded(texts, tokenizer.pad_token_id).to(model.device)
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
    be compared. Groups share batches, which has no effect.

    Returns:
        One list of nats per group, with one number per text, in order.
    """
    import torch

    was_training = model.training
    model.eval()
    apart = generation.keeps_all_tokens(model)
    ready = [_choices([_plain_ids(tokenizer, text) for text in texts], apart) for texts in groups]
    found: list[list[float]] = [[] for _ in groups]
    progress, done = counted.ProgressLine(), 0
    with torch.inference_mode():
        for places in _batches_of_choices(ready):
            scores = _score_groups(model, [ready[place] for place in places], tokenizer.pad_token_id)
            for place, nats in zip(places, scores, strict=True):
                found[place] = nats
            done += len(places)
            progress.say(partial("{} of {} gaps filled".format, done, len(groups)))
    model.train(was_training)
    return found


class _Choices(NamedTuple):
    """The tokens of a group of texts.

    Attributes:
        beginning: what is computed once for all texts; may be empty.
        rests: the tokens of each text after it, of which the first `known` are the same.
    """

    beginning: list[int]
    rests: list[list[int]]
    known: int

    @property
    def width(self) -> int:
        return max(map(len, self.rests))


def _choices(rows: list[list[int]], apart: bool) -> _Choices:
    # the last common token is in the rest, because it predicts the first one that differs
    common = min(len(os.path.commonprefix(rows)), min(map(len, rows)) - 1)
    cut = common - 1 if apart else 0
    return _Choices(rows[0][:cut], [row[cut:] for row in rows], common - cut)


def _batches_of_choices(groups: Sequence[_Choices]) -> Iterator[list[int]]:
    """Yield the positions of groups that share a batch: those of similar width, so that little is padding."""
    batch: list[int] = []
    rows = 0
    for place in sorted(range(len(groups)), key=lambda place: -groups[place].width):
        more = len(groups[place].rests)
        if batch and (rows + more) * groups[batch[0]].width > _TOKENS_AT_A_TIME:
            yield batch
            batch, rows = [], 0
        batch.append(place)
        rows += more
    if batch:
        yield batch


def _score_groups(model, groups: Sequence[_Choices], pad: int) -> list[list[float]]:
    import torch
    from torch.nn.functional import cross_entropy

    ids = _padded([torch.tensor(rest) for one in groups for rest in one.rests], pad).to(model.device)
    logits = model(input_ids=ids, **_beginnings(model, groups, ids, pad)).logits[:, :-1]
    scores, first = [], 0
    for one in groups:
        rows = slice(first, first + len(one.rests))
        # in fp32 for one group at a time; flat, since over a vocabulary that is not the last dimension it takes longer
        nats = cross_entropy(logits[rows].float().flatten(0, 1), ids[rows, 1:].flatten(), reduction="none").double()
        own = zip(one.rests, nats.view(len(one.rests), -1), strict=True)
        scores.append([-row[one.known - 1 : len(rest) - 1].sum().item() for rest, row in own])
        first = rows.stop
    return scores


def _beginnings(model, groups: Sequence[_Choices], ids, pad: int) -> dict:
    """Compute the groups' beginnings, and return the arguments with which the model goes on from them."""
    import torch
    from transformers import DynamicCache

    begun = torch.tensor([len(one.beginning) for one in groups])
    if not begun.any():
        return {}
    cache = DynamicCache(config=model.config)
    # no mask: padding comes last, where no token of the beginning reads it
    read = _padded([torch.tensor(one.beginning, dtype=torch.long) for one in groups], pad).to(model.device)
    model(input_ids=read, past_key_values=cache, logits_to_keep=1)
    of_row = torch.tensor([place for place, one in enumerate(groups) for _ in one.rests])
    cache.batch_select_indices(of_row.to(model.device))
    before = begun[of_row, None].to(model.device)
    mask = torch.cat(
        [torch.arange(read.shape[1], device=model.device) < before, torch.ones_like(ids, dtype=torch.bool)], 1
    )
    places = before + torch.arange(ids.shape[1], device=model.device)
    return {"past_key_values": cache, "attention_mask": mask, "position_ids": places}


def _padded(texts: list["torch.Tensor"], pad: int) -> "torch.Tensor":
    """Return texts of token ids as the rows of a table, with padding after the shorter ones."""
    from torch.nn.utils.rnn import pad_sequence

    return pad_sequence(texts, batch_first=True, padding_value=pad)


def _plain_ids(tokenizer, text: str) -> list[int]:
    """Return a text's ids after the token that begins a document: the start token, or else the document separator."""
    ids = tokenizer(text).input_ids
    return ids if ids[:1] == [tokenizer.bos_token_id] else [tokenizer.pad_token_id, *ids]


def summarise(table: "pandas.DataFrame", part: str = "completion") -> dict[str, float]:
    """Return loss (nats per token), perplexity = exp(loss) and bits per character over all rows of a `score` table."""
    nats = float(table[f"{part}_nll_nats"].sum())
    loss = nats / float(table[f"{part}_tokens"].sum())
    return {
        "loss": loss,
        "perplexity": math.exp(loss),
        "bits_per_character": nats / math.log(2) / float(table[f"{part}_characters"].sum()),
    }
