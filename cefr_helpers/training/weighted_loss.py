"""A training loss in which the tokens of the target words have a higher weight.

The target word is about one token in twenty, and another word would often fit the sentence as well, so the plain loss
hardly rewards a model for using the given word.
"""

import re
from collections.abc import Sequence

from cefr_helpers.models import prompts
from cefr_helpers.text import word_match

COLUMN = "loss_weights"
_WORD = re.compile(r"[^\W\d_]+")


def add_weights(rows: Sequence[dict], tokenizer, examples: Sequence[dict], weight: float) -> list[dict]:
    """Return the rows with `loss_weights`, one number per token; their mean over the labelled tokens of a row is 1.

    Args:
        rows: rows from `prompts.training_rows`.
        examples: the examples they were made from, in the same order.
        weight: weight of a target word's tokens, as a multiple of the others'.
    """
    weighted = []
    for row, example in zip(rows, examples, strict=True):
        spans = target_spans(example)
        weights = [
            weight if any(start < high and end > low for low, high in spans) else 1.0
            for start, end in prompts.answer_offsets(tokenizer, example)[: len(row["input_ids"])]
        ]
        labelled = [one for one, label in zip(weights, row["labels"], strict=True) if label != -100]
        mean = sum(labelled) / len(labelled)
        weighted.append({**row, COLUMN: [one / mean for one in weights]})
    return weighted


def target_spans(example: dict) -> list[tuple[int, int]]:
    """Return where in the answer each line uses its own word, in any form, as (start, end) in characters."""
    spans, place = [], 0
    for word, line in zip(example["words"], example["output"].split("\n"), strict=True):
        own = {form for part in _WORD.findall(word) for form in word_match.forms(part)}
        spans += [(place + m.start(), place + m.end()) for m in _WORD.finditer(line) if m.group().lower() in own]
        place += len(line) + 1
    return spans


class Collator:
    """Pads `loss_weights` with zeros, and leaves the other fields to another collator."""

    def __init__(self, collator):
        self.collator = collator

    def __call__(self, rows: list[dict]) -> dict:
        import torch

        weights = [torch.tensor(row[COLUMN]) for row in rows]
        batch = self.collator([{key: value for key, value in row.items() if key != COLUMN} for row in rows])
        padded = torch.zeros(batch["labels"].shape)
        for line, own in zip(padded, weights, strict=True):
            line[: len(own)] = own
        return {**batch, COLUMN: padded}


def compute(model, inputs: dict, items):
    """Return a loss with the value of the plain loss, so that it is comparable, and the gradient of the weighted one.

    Args:
        inputs: a batch of `Collator`.
        items: number of labelled tokens of the whole step, by which the sum is divided; None: those of this batch.
    """
    from torch.nn.functional import cross_entropy

    inputs = dict(inputs)
    weights, labels = inputs.pop(COLUMN)[:, 1:], inputs.pop("labels")[:, 1:]
    kept = labels != -100
    logits = _logits(model, inputs, kept)
    nats = cross_entropy(logits.float(), labels[kept], reduction="none")
    items = kept.sum() if items is None else items
    plain, weighted = nats.sum() / items, (nats * weights[kept]).sum() / items
    return weighted + (plain - weighted).detach()


def _logits(model, inputs: dict, kept):
    """Return the logits that predict the kept tokens, (kept, vocabulary); kept: (rows, tokens - 1), bool.

    The head is a fifth of a small model's work and all of its memory, so it only gets these positions.
    """
    from accelerate.utils import extract_model_from_parallel
    from torch.nn.functional import pad

    places = pad(kept, (0, 1))
    head = extract_model_from_parallel(model).get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda head, given: (given[0][places],))
    try:
        logits = model(**inputs).logits
    finally:
        hook.remove()
    return logits if logits.dim() == 2 else logits[places]  # a library may compute the head without calling it
