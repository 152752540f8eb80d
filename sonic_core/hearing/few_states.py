"""Whisper's encoder and the lip reader arranged for a few states at a time: the numbers of the modules, in fewer and cheaper calls.

Keys and values lie in rows that are written once, and what the lip reader says of a state by itself is kept.  On the open lip-sync set
products in eight bits change no score by more than 0.001.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .few_rows import MakeProduct, Product, depthwise, product_in_eight_bits, taps_of
from .lip_reader_module import ConvBlock, LipReader
from .whisper import WhisperEncoder, WhisperLayer


class FewStates:
    """What does not change with the sound; shared.  encoder, reader: whose numbers it gives.  make: how precisely and how quickly."""

    def __init__(self, encoder: WhisperEncoder, reader: LipReader, make: MakeProduct = product_in_eight_bits) -> None:
        # Parts of it alone: the whole would keep its float32 weights beside those that are laid out here.
        self.window, self.mel, self.encoder_norm = encoder.window, encoder.mel, encoder.norm
        self.positions, self.width = encoder.positions, encoder.width
        self.layers = [_Layer(cast(WhisperLayer, block), make) for block in encoder.blocks]
        self._conv1, self._conv2 = _over_time(encoder.conv1, make), _over_time(encoder.conv2, make)
        gains = [
            weight * cast(nn.LayerNorm, norm).weight for weight, norm in zip(_mix(reader), reader.norms, strict=True)
        ]
        shifts = [
            weight * cast(nn.LayerNorm, norm).bias for weight, norm in zip(_mix(reader), reader.norms, strict=True)
        ]
        self._gains, shift = torch.stack(gains)[:, None].detach(), torch.stack(shifts).sum(0).detach()
        weight, bias = reader.project.weight.detach(), reader.project.bias.detach()
        self._project = make(weight, bias + weight @ shift, True)
        self._blocks = [_Block(cast(ConvBlock, block), make) for block in reader.blocks]
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

    def __init__(self, layer: WhisperLayer, make: MakeProduct) -> None:
        self._heads = layer.heads
        self._norm1, self._norm2 = ((norm.weight, norm.bias) for norm in (layer.norm1, layer.norm2))
        self._qkv, self._out = _product_of(layer.qkv, make), _product_of(layer.out, make)
        self._up, self._down = _product_of(layer.up, make, gelu=True), _product_of(layer.down, make)

    def __call__(self, h: Tensor, kept: Tensor, first: int, oldest: int) -> Tensor:
        """h: `[n, width]` at the places from `first` on.  kept: `[places, 2 width]`, written there, looked at from `oldest` on."""
        n, width = h.shape
        qkv = self._qkv(F.layer_norm(h, (width,), *self._norm1))
        kept[first : first + n] = qkv[:, width:]
        q, k, v = (
            rows.unflatten(1, (self._heads, -1)).transpose(0, 1)[None]
            for rows in (qkv[:, :width], *kept[oldest : first + n].split(width, 1))
        )
        h = h + self._out(F.scaled_dot_product_attention(q, k, v)[0].transpose(0, 1).flatten(1))
        return h + self._down(self._up(F.layer_norm(h, (width,), *self._norm2)))


class _Block:
    """A convolution block of the lip reader."""

    def __init__(self, block: ConvBlock, make: MakeProduct) -> None:
        self._norm, self._near = block.norm, taps_of(block.depthwise)
        self._up, self._down = _product_of(block.up, make, gelu=True), _product_of(block.down, make)

    def __call__(self, x: Tensor) -> Tensor:
        return x + self._down(self._up(depthwise(self._norm(x), *self._near)))


def _mix(reader: LipReader) -> Tensor:
    return reader.mix.softmax(0)


def _product_of(linear: nn.Linear, make: MakeProduct, gelu: bool = False) -> Product:
    return make(linear.weight.detach(), linear.bias.detach(), gelu)


def _over_time(convolution: nn.Conv1d, make: MakeProduct) -> Product:
    """A convolution of three taps as a product of rows that hold three moments."""
    assert convolution.bias is not None
    return make(convolution.weight.detach().transpose(1, 2).flatten(1), convolution.bias.detach(), False)


def _triples(x: Tensor, stride: int) -> Tensor:
    """`[n, channels]` -> `[n / stride, 3 channels]`, each moment between its neighbours, nothing beyond the ends."""
    padded = F.pad(x, (0, 0, 1, 1))
    channels = x.shape[1]
    return padded.as_strided((len(x) // stride, 3 * channels), (stride * channels, 1)).contiguous()
