"""A cache of keys and values with room for the next tokens.

The cache of transformers copies all that it holds for each new token, which takes a fifth of a token's time on a CPU if
twelve answers follow three examples.
"""

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

_ROOM = 64  # tokens


class GrowingLayer(DynamicLayer):
    """A layer's keys and values of all tokens, in memory that has room for up to 64 more."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, **options):
        super().__init__(**options)
        self._memory: dict[str, torch.Tensor] = {}

    def update(self, key_states, value_states, *args, **kwargs):
        """Add the keys and values of new tokens, (batch, heads, tokens, size), and return those of all tokens."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys = self._extended("keys", self.keys, key_states)
        self.values = self._extended("values", self.values, value_states)
        return self.keys, self.values

    def _extended(self, name: str, held: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        before = held.shape[-2] if held.numel() else 0
        after = before + new.shape[-2]
        memory = self._memory.get(name)
        # what is held lies elsewhere after rows were chosen or repeated
        there = memory is not None and held.data_ptr() == memory.data_ptr() and held.shape[:2] == memory.shape[:2]
        if memory is None or not there or after > memory.shape[-2]:
            memory = new.new_empty((*new.shape[:2], after + _ROOM, new.shape[-1]))
            if before:
                memory[:, :, :before] = held
            self._memory[name] = memory
        memory[:, :, before:after] = new
        return memory[:, :, :after]


def for_model(model) -> DynamicCache:
    """Return an empty cache for a model; layers that do not keep all tokens are as transformers has them."""
    cache = DynamicCache(config=model.config)
    cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
