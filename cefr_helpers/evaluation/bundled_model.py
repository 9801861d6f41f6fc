"""Read sentences with the bundled language model, which measures them whatever model is tuned."""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from cefr_helpers.core.progress import ProgressLine
from cefr_helpers.models import base_model

if TYPE_CHECKING:
    import torch

_BATCH = 16


class Reading(NamedTuple):
    """What the model computes for the tokens of a sentence, given the text before each.

    Attributes:
        pieces, ids: the sentence's tokens as text and as numbers.
        log_probabilities: of all tokens at each place, in nats; (tokens, vocabulary).
        hidden: the hidden states of the requested layer; (tokens, hidden size), None if no layer was requested.
    """

    pieces: list[str]
    ids: list[int]
    log_probabilities: "torch.Tensor"
    hidden: "torch.Tensor | None"


def read(sentences: Sequence[str], layer: int | None = None) -> Iterator[tuple[int, Reading]]:
    """Yield each sentence's position and reading; sentences of similar length share a batch, which has no effect.

    Args:
        layer: the layer whose hidden states are needed, counted from 1.
    """
    order = sorted(range(len(sentences)), key=lambda place: len(sentences[place]))
    progress = ProgressLine()
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        yield from zip(batch, _read_batch([sentences[place] for place in batch], layer), strict=True)
        progress.say(partial("{} of {} sentences read".format, start + len(batch), len(order)))


@cache
def load():
    """Return model and tokenizer, in full precision, so that neither batch nor machine changes a result."""
    base = base_model.resolve("bundled")
    return base_model.load_model(base, "fp32"), base_model.load_tokenizer(base)


def _read_batch(sentences: Sequence[str], layer: int | None) -> list[Reading]:
    import torch

    model, tokenizer = load()
    ids = [tokenizer(sentence, add_special_tokens=False).input_ids for sentence in sentences]
    start = tokenizer.pad_token_id
    texts = [torch.tensor([start, *one]) for one in ids]
    # no mask: padding comes last, where no token of the text reads it
    padded = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=start).to(model.device)
    with torch.inference_mode():
        found = model(input_ids=padded, use_cache=False, output_hidden_states=layer is not None)
        logits = found.logits.float()
        logits = (logits - logits.logsumexp(-1, keepdim=True)).cpu()
        hidden = None if layer is None else found.hidden_states[layer].float().cpu()
    return [
        Reading(
            tokenizer.convert_ids_to_tokens(one),
            one,
            logits[row, : len(one)],
            None if hidden is None else hidden[row, 1 : len(one) + 1],
        )
        for row, one in enumerate(ids)
    ]
