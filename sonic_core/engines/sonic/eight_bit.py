"""Weights stored in 8 bits (fp8, e4m3) and brought to the working precision layer by layer when they are used: half the memory of fp16."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STORAGE = torch.float8_e4m3fn
LARGEST = 448.0  # that e4m3 can hold
SMALLEST = 2**-24  # that fp16 can hold
RELATIVE_ERROR = 2**-4  # of a weight, at most: three bits of mantissa, rounded
LAYERS = (nn.Linear, nn.Conv2d, nn.Conv3d)


class EightBit(nn.Module):
    """A linear or convolutional layer with its weight in 8 bits and one scale per output channel; the bias stays as it is.

    Scales are powers of two: multiplying by them is exact, and small weights keep their digits, which e4m3 alone would cut off
    under 2^-6.  A weight w of a channel whose largest is m comes back within max(|w| / 16, m * 2^-17, 2^-24).
    """

    stored: Tensor
    scale: Tensor

    def __init__(self, layer: nn.Linear | nn.Conv2d | nn.Conv3d):
        super().__init__()
        weight = layer.weight.detach().float()
        largest = weight.flatten(1).abs().amax(dim=1).clamp(min=LARGEST * SMALLEST)
        scale = torch.exp2(torch.ceil(torch.log2(largest / LARGEST))).view(-1, *[1] * (weight.ndim - 1))
        self.register_buffer("stored", (weight / scale).to(STORAGE))
        self.register_buffer("scale", scale)
        layer.weight = None  # type: ignore[assignment]  # the whole point
        self.layer = layer

    def weight(self, dtype: torch.dtype) -> Tensor:
        return self.stored.to(dtype) * self.scale.to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight(x.dtype), self.layer.bias
        if isinstance(self.layer, nn.Linear):
            return F.linear(x, weight, bias)
        return self.layer._conv_forward(x, weight, bias)


def store_in_8_bits(model: nn.Module) -> None:
    """Store every linear and convolutional weight of a model in 8 bits; cannot be undone, doing it again does nothing."""
    for module in list(model.modules()):
        if isinstance(module, EightBit):
            continue
        for name, child in list(module.named_children()):
            if isinstance(child, LAYERS):
                setattr(module, name, EightBit(child))


def is_in_8_bits(model: nn.Module) -> bool:
    return any(isinstance(module, EightBit) for module in model.modules())


def bytes_in_8_bits(model: nn.Module) -> int:
    """What `store_in_8_bits` would leave of a model, in bytes."""
    layers = [module for module in model.modules() if isinstance(module, LAYERS) and module.weight is not None]
    saved = sum(layer.weight.numel() * (layer.weight.element_size() - STORAGE.itemsize) for layer in layers)
    return module_bytes(model) - saved + sum(4 * len(layer.weight) for layer in layers)


def module_bytes(module: nn.Module) -> int:
    """Bytes of a module's parameters and buffers."""
    return sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))
