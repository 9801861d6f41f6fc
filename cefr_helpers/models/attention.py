"""Attention in which query heads that share a key head read it together.

PyTorch's own attention repeats keys and values for each query head (three times in SmolLM2). On a CPU that takes most
of the time when tokens are generated one at a time after a long context, so there the query heads of a key head become
rows of PyTorch's attention. In training its backward pass takes twice as long as plain matrix products, so there these
are used. Scoring, reading prompts, training on GPUs and long examples use PyTorch's attention as it is, whose memory
does not grow with the square of the length.
"""

NAME = "grouped"
LONGEST = 512  # maximum tokens of a training example: two of them with nine heads take 10 MB per layer


def enable(model) -> None:
    """Make a loaded model use it instead of PyTorch's attention; models with softcaps or sinks keep their own."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if model.config._attn_implementation != "sdpa":
        return
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def attend(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **options):
    """Compute scaled dot-product attention with the interface of transformers.

    Args:
        query: (batch, heads, new tokens, head size).
        key, value: (batch, key heads, tokens, head size).
        attention_mask: None, or (batch, 1, new tokens, tokens), True where a token may be read.
        scaling: factor of the products; by default 1 / sqrt(head size).

    Returns:
        (batch, new tokens, heads, head size), and None for the weights.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    batch, heads, new_tokens, size = query.shape
    key_heads, tokens = key.shape[1:3]
    if new_tokens == 1:
        return _attend_from_one_token(query, key, value, attention_mask, scaling, dropout), None
    trained = query.requires_grad and query.device.type == "cpu" and tokens <= LONGEST and not dropout
    if not trained:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **options)
    scaled = query * (size**-0.5 if scaling is None else scaling)
    products = scaled.reshape(batch, key_heads, -1, size) @ key.transpose(2, 3)
    products = products.view(batch, key_heads, -1, new_tokens, tokens)
    # in place, autograd would copy the view's whole tensor twice
    weights = (products + _unread(attention_mask, products)).softmax(-1).view(batch, key_heads, -1, tokens)
    return (weights @ value).view(batch, heads, new_tokens, size).transpose(1, 2), None


def _attend_from_one_token(query, key, value, attention_mask, scaling, dropout):
    """Let the query heads of a key head be the rows of one product: each reads the same tokens."""
    from torch.nn.functional import scaled_dot_product_attention

    batch, heads, _, size = query.shape
    rows = query.reshape(batch, key.shape[1], -1, size)
    read = scaled_dot_product_attention(rows, key, value, attention_mask, dropout, scale=scaling)
    return read.reshape(batch, 1, heads, size)


def _unread(attention_mask, products):
    """Return a mask to add, (batch, 1, 1, new tokens, tokens): the least number where reading is forbidden, else 0."""
    import torch

    new_tokens, tokens = products.shape[-2:]
    if attention_mask is None:
        attention_mask = products.new_ones(1, 1, new_tokens, tokens, dtype=torch.bool).tril(tokens - new_tokens)
    bias = products.new_zeros(attention_mask.shape).masked_fill_(~attention_mask, torch.finfo(products.dtype).min)
    return bias.unsqueeze(2)
