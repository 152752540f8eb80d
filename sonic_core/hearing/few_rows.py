"""Products and convolutions of a few rows with weights that stay: in eight bits where PyTorch computes so, else laid out for the processor.

A dozen rows are too few to hide what a call costs; and an encoder's weights in float32 fill a processor's cache, so that every step of
every session waits for memory.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Product = Callable[[Tensor], Tensor]
"""`[n, inputs]` -> `[n, outputs]`."""
MakeProduct = Callable[[Tensor, Tensor, bool], Product]
"""Of a weight `[outputs, inputs]`, a bias `[outputs]` and whether GELU follows."""
ROWS = 12
"""Rows for which weights are laid out; any other number is computed too."""
SAME = 1e-4
NEAR = 0.04
"""Of what comes out, root mean square, that eight bits may be off: 0.013 on rows of equal spread, 0.025 with one bit less."""
ENGINES = ("x86", "fbgemm")
"""PyTorch's engines for eight bits that were measured to be quicker here."""


def product(weight: Tensor, bias: Tensor, gelu: bool = False) -> Product:
    """`x @ weight.T + bias`, GELU of it with `gelu`; laid out for oneDNN where PyTorch offers that.

    MKL takes twice as long for ROWS rows on processors that are not Intel's, and lays the weights out anew in every call.
    """
    plain = _plain(weight, bias, gelu)
    try:  # not a documented call: taken where it exists and gives the same
        laid_out = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)
        compute, then = torch.ops.mkldnn._linear_pointwise, "gelu" if gelu else "none"

        def quick(x: Tensor) -> Tensor:
            return cast(Tensor, compute(x, laid_out, bias, then, [], "none"))

        tried = torch.linspace(-1, 1, ROWS * weight.shape[1]).view(ROWS, -1)
        return quick if torch.allclose(quick(tried), plain(tried), rtol=SAME, atol=SAME) else plain
    except (RuntimeError, AttributeError):
        return plain


def product_in_eight_bits(weight: Tensor, bias: Tensor, gelu: bool = False) -> Product:
    """The same, about one part in a hundred off: weights in eight bits, a scale for each output; rows brought to eight bits as they come.

    It takes less than half of the time while the weights are in the cache, and they need a quarter of the room there.
    """
    try:  # PyTorch means to give up its quantised tensors: taken where they exist and give nearly the same
        packed, fewer_bits = _packed(weight, bias), not _adds_without_loss()
        compute = torch.ops.quantized.linear_dynamic

        def quick(x: Tensor) -> Tensor:
            y = cast(Tensor, compute(x, packed, fewer_bits))
            return F.gelu(y) if gelu else y

        tried = torch.randn(ROWS, weight.shape[1], generator=torch.Generator().manual_seed(0))
        expected = _plain(weight, bias, gelu)(tried)
        if (quick(tried) - expected).square().mean() <= NEAR**2 * expected.square().mean():
            return quick
    except (RuntimeError, AttributeError):
        pass
    return product(weight, bias, gelu)


def _plain(weight: Tensor, bias: Tensor, gelu: bool) -> Product:
    def plain(x: Tensor) -> Tensor:
        y = F.linear(x, weight, bias)
        return F.gelu(y) if gelu else y

    return plain


def _packed(weight: Tensor, bias: Tensor) -> object:
    """Weights `[outputs, inputs]` as PyTorch's engine for eight bits has them.  Raises RuntimeError where it has none of ENGINES."""
    if torch.backends.quantized.engine not in ENGINES:
        raise RuntimeError(f"PyTorch computes in eight bits with none of {', '.join(ENGINES)} here.")
    scales = weight.abs().amax(1).clamp_min(1e-8).double() / 127
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that quantised tensors will go
        none = torch.zeros(len(scales), dtype=torch.long)
        eight_bits = torch.quantize_per_channel(weight.contiguous(), scales, none, 0, torch.qint8)
        return torch.ops.quantized.linear_prepack(eight_bits, bias)


@lru_cache
def _adds_without_loss() -> bool:
    """Whether the largest products of eight bits add up; older processors add pairs of them in 16 bits, which do not hold them."""
    packed = _packed(torch.ones(16, 64), torch.zeros(16))
    total = torch.ops.quantized.linear_dynamic(torch.ones(ROWS, 64), packed, False)
    return bool((total > 63).all())


def depthwise(x: Tensor, taps: Tensor, bias: Tensor) -> Tensor:
    """Every column of `[n, channels]` convolved with its own taps, nothing beyond the ends.  taps: `[odd number, 1, channels]`."""
    padded = F.pad(x, (0, 0, len(taps) // 2, len(taps) // 2))
    n, channels = x.shape
    near = padded.as_strided((len(taps), n, channels), (channels, channels, 1))
    return (near * taps).sum(0) + bias


def taps_of(convolution: nn.Conv1d) -> tuple[Tensor, Tensor]:
    """Taps and bias of a convolution of each channel by itself, for `depthwise`."""
    assert convolution.bias is not None
    return convolution.weight.detach().permute(2, 1, 0).contiguous(), convolution.bias.detach()
