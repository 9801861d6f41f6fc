"""Attention for generating token by token: the query heads that share a key head read it together, once.

PyTorch's own attention repeats keys and values for each query head (three times in SmolLM2) at every new token; on a
CPU that is most of the time of a long context. With several new tokens, as in training and scoring, it is PyTorch's.
"""

NAME = "grouped_decoding"


def use(model) -> None:
    """Let a loaded model generate with it, if it uses PyTorch's attention; others (softcaps, sinks) keep their own."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if model.config._attn_implementation != "sdpa":
        return
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def attend(module, query, key, value, attention_mask, scaling=None, **options):
    """Scaled dot-product attention in the form that transformers asks for.

    Args:
        query: (batch, heads, new tokens, head size).
        key, value: (batch, key heads, tokens, head size).
        attention_mask: None, or (batch, 1, new tokens, tokens), True where a token may be read.
        scaling: of the products; by default 1 / sqrt(head size).

    Returns:
        (batch, new tokens, heads, head size), and None for the weights.
    """
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    batch, heads, new_tokens, size = query.shape
    if new_tokens != 1:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
    grouped = query.view(batch, key.shape[1], -1, size) * (size**-0.5 if scaling is None else scaling)
    products = grouped @ key.transpose(2, 3)
    if attention_mask is not None:
        products = products.masked_fill(~attention_mask, float("-inf"))
    weights = products.softmax(-1, dtype=torch.float32).to(value.dtype)
    return (weights @ value).reshape(batch, 1, heads, size), None
