from types import SimpleNamespace

import pytest
import torch
from transformers.integrations import sdpa_attention
from transformers.models.llama.modeling_llama import eager_attention_forward

from cefr_helpers.models import attention

MODULE = SimpleNamespace(is_causal=True, num_key_value_groups=3, training=True)
CAUSAL = torch.ones(7, 7, dtype=torch.bool).tril()
PADS = {
    "none": None,
    "at the end": CAUSAL & torch.tensor([[True] * 7, [True] * 4 + [False] * 3])[:, None, None],
    "at the start": CAUSAL & torch.tensor([[True] * 7, [False] * 2 + [True] * 5])[:, None, None],
}


def attended(attend, mask, tokens=7, grad=True, dtype=torch.float32) -> list[torch.Tensor]:
    """Output and the gradients of query, key and value, for numbers that are the same at each call."""
    draw = torch.Generator().manual_seed(0)
    query, key, value = (
        (torch.randn(2, heads, tokens, 8, generator=draw) * 3).to(torch.bfloat16).to(dtype).requires_grad_(grad)
        for heads in (6, 2, 2)
    )
    out, _ = attend(MODULE, query, key, value, mask, scaling=0.5)
    if not grad:
        return [out]
    real = torch.ones(2, tokens, 1, 1) if mask is None else mask.any(-1).reshape(2, tokens, 1, 1)
    loss = (out * real * torch.randn(out.shape, generator=draw)).sum()
    return [out * real, *torch.autograd.grad(loss, [query, key, value])]


@pytest.mark.parametrize("pads", PADS)
def test_outputs_and_gradients_are_those_of_pytorchs_attention(pads):
    own = attended(attention.attend, PADS[pads])
    theirs = attended(sdpa_attention.sdpa_attention_forward, PADS[pads])
    for one, other in zip(own, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-4) and one.abs().max() > 0.1


def test_in_16_bits_it_is_as_exact_as_the_models_own_plain_attention():
    bias = torch.zeros(1, 1, 7, 7, dtype=torch.bfloat16).masked_fill(~CAUSAL, torch.finfo(torch.bfloat16).min)
    exact = attended(attention.attend, None)
    own = attended(attention.attend, None, dtype=torch.bfloat16)
    plain = attended(lambda *a, **k: eager_attention_forward(*a[:4], bias, **k), None, dtype=torch.bfloat16)
    for one, other, truth in zip(own, plain, exact, strict=True):
        assert (one - truth).norm() < 1.5 * (other - truth).norm() < 0.1 * truth.norm()


@pytest.mark.parametrize("tokens, grad, calls", [(7, True, 0), (7, False, 1), (1, False, 0), (8, True, 1)])
def test_long_examples_and_work_without_gradients_stay_with_pytorch(monkeypatch, tokens, grad, calls):
    seen, theirs = [], sdpa_attention.sdpa_attention_forward
    monkeypatch.setattr(sdpa_attention, "sdpa_attention_forward", lambda *a, **k: seen.append(1) or theirs(*a, **k))
    monkeypatch.setattr(attention, "LONGEST", 7)
    attended(attention.attend, None, tokens, grad)
    assert len(seen) == calls
