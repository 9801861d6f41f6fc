"""Matrix products of LoRA in few passes over memory: the same training on a CPU, but faster.

PEFT multiplies, scales and adds for each LoRA pair separately, and autograd sums the gradients of the input; each of
these is a pass over a large tensor. Here projections of one input (q, k, v; gate, up) share one product with their
first factors, the small second factors are scaled instead of their outputs, and the matrix library adds products.
"""

from collections.abc import Sequence
from functools import partial

import torch
from peft.tuners.lora import Linear
from torch.nn.functional import linear

_OF_ONE_INPUT = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))


def enable(model) -> None:
    """Make the LoRA layers of a model with one adapter train this way; scoring and generation stay with PEFT.

    Quantised layers, and adapters with dropout, bias or another variant of LoRA, also train as in PEFT.
    """
    for parent in model.modules():
        layers = {name: child for name, child in parent.named_children() if _is_plain(child)}
        for names in _OF_ONE_INPUT:
            if together := [layers.pop(name) for name in names if name in layers]:
                _Projections(together)
        for alone in layers.values():
            _Projections([alone])


def _is_plain(layer) -> bool:
    """Return whether a module is an unquantised linear layer with one LoRA pair and nothing else."""
    if not isinstance(layer, Linear) or type(layer.base_layer) is not torch.nn.Linear or len(layer.lora_A) != 1:
        return False
    (name,) = layer.lora_A
    dropout, pair = layer.lora_dropout[name], (layer.lora_A[name], layer.lora_B[name])
    plain = name not in layer.lora_variant and all(one.bias is None for one in pair)
    return plain and isinstance(dropout, torch.nn.Identity)


class _Projections:
    """LoRA layers that are called one after another with the same input: the first call computes the outputs of all."""

    def __init__(self, layers: Sequence[Linear]):
        self._layers, (self._adapter,) = layers, layers[0].lora_A
        self._input: torch.Tensor | None = None
        self._outputs: dict[int, torch.Tensor] = {}
        for place, layer in enumerate(layers):
            layer.forward = partial(self._forward, place, layer.forward)

    def _forward(self, place: int, of_peft, x, *args, **kwargs):
        layer = self._layers[place]
        trains = layer.training and torch.is_grad_enabled() and layer.active_adapters == [self._adapter]
        if not trains or layer.disable_adapters or layer.merged or args or kwargs:
            return of_peft(x, *args, **kwargs)
        if self._input is not x or place not in self._outputs:
            self._input, self._outputs = x, dict(enumerate(self._compute(x)))
        output = self._outputs.pop(place)
        if not self._outputs:
            self._input = None  # so that the memory can be freed
        return output

    def _compute(self, x) -> tuple:
        name, bases = self._adapter, [layer.base_layer for layer in self._layers]
        firsts = [layer.lora_A[name].weight for layer in self._layers]
        seconds = [layer.lora_B[name].weight for layer in self._layers]
        return _Products.apply(x, self._layers[0].scaling[name], bases, *firsts, *seconds)


class _Products(torch.autograd.Function):
    """Outputs of linear layers with LoRA: x W' + bias + scale x A' B', for each W, A and B, where ' transposes."""

    @staticmethod
    def forward(ctx, x, scale, bases, *factors):
        dtype, flat = bases[0].weight.dtype, x.flatten(0, -2)
        firsts, seconds = factors[: len(bases)], factors[len(bases) :]
        with torch.autocast(x.device.type, enabled=False):
            flat, first = flat.to(dtype), torch.cat(firsts).to(dtype)
            scaled = [(second * scale).to(dtype) for second in seconds]
            thin = flat @ first.t()
            ranks = [len(one) for one in firsts]
            outputs = [linear(flat, base.weight, base.bias) for base in bases]
            for output, part, second in zip(outputs, thin.split(ranks, 1), scaled, strict=True):
                output.addmm_(part, second.t())
        ctx.trained = factors[0].dtype
        ctx.save_for_backward(flat, thin, first, *scaled)
        ctx.bases, ctx.scale, ctx.ranks, ctx.shape, ctx.dtype = bases, scale, ranks, x.shape, x.dtype
        return tuple(output.view(*x.shape[:-1], -1) for output in outputs)

    @staticmethod
    def backward(ctx, *gradients):
        flat, thin, first, *scaled = ctx.saved_tensors
        grads = [one.flatten(0, -2) for one in gradients]
        of_thin = torch.cat([grad @ second for grad, second in zip(grads, scaled, strict=True)], 1)
        of_firsts = (of_thin.t() @ flat).to(ctx.trained).split(ctx.ranks)
        parts = thin.split(ctx.ranks, 1)
        of_seconds = [(grad.t() @ part).to(ctx.trained) * ctx.scale for grad, part in zip(grads, parts, strict=True)]
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = of_thin @ first
            for grad, base in zip(grads, ctx.bases, strict=True):
                of_x.addmm_(grad, base.weight)
            of_x = of_x.view(ctx.shape).to(ctx.dtype)
        return (of_x, None, None, *of_firsts, *of_seconds)
