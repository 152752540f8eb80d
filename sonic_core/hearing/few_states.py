"""Whisper's encoder and the lip reader arranged for a few states at a time: the numbers of the modules, in fewer and cheaper calls.

A dozen rows are too few to hide what a call costs, and long enough weights make the product wait for memory.  So weights lie as the
processor reads them, keys and values lie in rows that are written once, and what the lip reader says of a state by itself is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .lip_reader_module import ConvBlock, LipReader
from .whisper import WhisperEncoder, WhisperLayer

Product = Callable[[Tensor], Tensor]
"""`[n, inputs]` -> `[n, outputs]`."""
ROWS = 12
"""Rows for which weights are laid out; any other number is computed too."""
SAME = 1e-4


def product(weight: Tensor, bias: Tensor, gelu: bool = False) -> Product:
    """`x @ weight.T + bias`, GELU of it with `gelu`; laid out for oneDNN where PyTorch offers that.

    MKL takes twice as long for ROWS rows on processors that are not Intel's, and lays the weights out anew in every call.
    """

    def plain(x: Tensor) -> Tensor:
        y = F.linear(x, weight, bias)
        return F.gelu(y) if gelu else y

    try:  # not a documented call: taken where it exists and gives the same
        laid_out = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS)
        compute, then = torch.ops.mkldnn._linear_pointwise, "gelu" if gelu else "none"

        def quick(x: Tensor) -> Tensor:
            return cast(Tensor, compute(x, laid_out, bias, then, [], "none"))

        tried = torch.linspace(-1, 1, ROWS * weight.shape[1]).view(ROWS, -1)
        return quick if torch.allclose(quick(tried), plain(tried), rtol=SAME, atol=SAME) else plain
    except (RuntimeError, AttributeError, NotImplementedError):
        return plain


class FewStates:
    """What does not change with the sound; shared.  encoder, reader: whose numbers it gives."""

    def __init__(self, encoder: WhisperEncoder, reader: LipReader) -> None:
        self.encoder = encoder
        self.positions, self.width = encoder.positions, encoder.width
        self.layers = [_Layer(cast(WhisperLayer, block)) for block in encoder.blocks]
        self._conv1, self._conv2 = _over_time(encoder.conv1), _over_time(encoder.conv2)
        gains = [
            weight * cast(nn.LayerNorm, norm).weight for weight, norm in zip(_mix(reader), reader.norms, strict=True)
        ]
        shifts = [
            weight * cast(nn.LayerNorm, norm).bias for weight, norm in zip(_mix(reader), reader.norms, strict=True)
        ]
        self._gains, shift = torch.stack(gains)[:, None].detach(), torch.stack(shifts).sum(0).detach()
        weight, bias = reader.project.weight.detach(), reader.project.bias.detach()
        self._project = product(weight, bias + weight @ shift, gelu=True)
        self._blocks = [_Block(cast(ConvBlock, block)) for block in reader.blocks]
        self._norm, self._out = reader.norm, reader.out

    def stem(self, mel: Tensor) -> Tensor:
        """The convolutions of `[bins, 2 n]`: `[n, width]`."""
        h = F.gelu(self._conv1(_triples(mel.T, 1)))
        return F.gelu(self._conv2(_triples(h, 2)))

    def view(self, hidden: list[Tensor]) -> Tensor:
        """What the lip reader sees of each state by itself, `[n, channels]`.  hidden: of the stem and of every layer, `[n, width]`."""
        normed = F.layer_norm(torch.stack(hidden), (self.width,))
        return self._project((normed * self._gains).sum(0))

    def read(self, views: Tensor, last: int) -> Tensor:
        """The lip reader's outputs of the last states, `[last, OUTPUTS]`.  views: `[n, channels]`."""
        for block in self._blocks:
            views = block(views)
        return cast(Tensor, self._out(self._norm(views[-last:])))


class _Layer:
    """A `WhisperLayer`; rows of keys and values are the last two thirds of what `qkv` gives."""

    def __init__(self, layer: WhisperLayer) -> None:
        self._heads, self._layer = layer.heads, layer
        self._qkv, self._out = _product_of(layer.qkv), _product_of(layer.out)
        self._up, self._down = _product_of(layer.up, gelu=True), _product_of(layer.down)

    def __call__(self, h: Tensor, kept: Tensor, first: int, oldest: int) -> Tensor:
        """h: `[n, width]` at the places from `first` on.  kept: `[places, 2 width]`, written there, looked at from `oldest` on."""
        n, width = h.shape
        qkv = self._qkv(self._layer.norm1(h))
        kept[first : first + n] = qkv[:, width:]
        q, k, v = (
            rows.unflatten(1, (self._heads, -1)).transpose(0, 1)[None]
            for rows in (qkv[:, :width], *kept[oldest : first + n].split(width, 1))
        )
        h = h + self._out(F.scaled_dot_product_attention(q, k, v)[0].transpose(0, 1).flatten(1))
        return h + self._down(self._up(self._layer.norm2(h)))


class _Block:
    """A convolution block of the lip reader."""

    def __init__(self, block: ConvBlock) -> None:
        self._norm, depthwise = block.norm, block.depthwise
        self._taps, self._bias = depthwise.weight[:, 0], cast(Tensor, depthwise.bias)
        self._up, self._down = _product_of(block.up, gelu=True), _product_of(block.down)

    def __call__(self, x: Tensor) -> Tensor:
        taps = self._taps.shape[1]
        padded = F.pad(self._norm(x), (0, 0, taps // 2, taps // 2))
        near = (padded.unfold(0, taps, 1) * self._taps).sum(2) + self._bias
        return x + self._down(self._up(near))


def _mix(reader: LipReader) -> Tensor:
    return reader.mix.softmax(0)


def _product_of(linear: nn.Linear, gelu: bool = False) -> Product:
    return product(linear.weight.detach(), linear.bias.detach(), gelu)


def _over_time(convolution: nn.Conv1d) -> Product:
    """A convolution of three taps as a product of rows that hold three moments."""
    assert convolution.bias is not None
    return product(convolution.weight.detach().transpose(1, 2).flatten(1), convolution.bias.detach())


def _triples(x: Tensor, stride: int) -> Tensor:
    """`[n, channels]` -> `[n / stride, 3 channels]`, each moment between its neighbours, nothing beyond the ends."""
    padded = F.pad(x, (0, 0, 1, 1))
    channels = x.shape[1]
    return padded.as_strided((len(x) // stride, 3 * channels), (stride * channels, 1)).contiguous()
