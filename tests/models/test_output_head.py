import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cefr_helpers.models import base_model


class Products(TorchDispatchMode):
    """Records the number of elements of the largest tensor that is multiplied."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if "mm" in str(func):
            self.largest = max(self.largest, *(one.numel() for one in args))
        return func(*args, **(kwargs or {}))


def test_the_head_of_a_frozen_model_is_not_copied_for_each_row(bundled):
    model = base_model.load_model(bundled, "bf16").requires_grad_(False)
    ids = torch.randint(100, 1000, (3, 5))
    with torch.no_grad():
        every = model(input_ids=ids).logits[:, -1:]
        with Products() as products:
            last = model(input_ids=ids, logits_to_keep=1).logits
    vocabulary, size = model.get_output_embeddings().weight.shape
    assert products.largest == vocabulary * size  # not of each row's copy
    assert last.shape == (3, 1, vocabulary) and torch.allclose(last, every, atol=0.1)
