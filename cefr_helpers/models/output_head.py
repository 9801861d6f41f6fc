"""Give the output head what it can compute with one matrix product."""


def enable(model) -> None:
    """Make a loaded model's head compute the logits of some places as fast as those of all.

    A model passes its head a slice of the hidden states, for example that of the last token. If the head's weights are
    frozen, as under an adapter, PyTorch's `linear` copies them once per row on a CPU before it multiplies such a slice:
    56 MB for each answer with SmolLM2's vocabulary, which takes a hundred times as long as the product.
    """
    model.get_output_embeddings().register_forward_pre_hook(lambda head, given: (given[0].contiguous(), *given[1:]))
