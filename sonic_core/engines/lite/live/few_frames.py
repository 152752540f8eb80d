"""The motion denoiser for the few noise levels and frames of a live step: the network's numbers, in a third of its calls.

At a known noise level scale, shift and gate are numbers like any other weights; what is heard and what is known is the same at all levels;
and of the last layer only the frames that are not known matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ....hearing.few_rows import depthwise, taps_of
from ..denoiser import DenoiserLayer, MotionDenoiser, rotations, wave


class FewFrames:
    """Made once for `sigmas`, `[S + 1]` falling to 0; shared."""

    def __init__(self, denoiser: MotionDenoiser, sigmas: Sequence[float]) -> None:
        layers = [_Layer(cast(DenoiserLayer, layer)) for layer in denoiser.layers]
        self._heads = layers[0].heads
        self._levels = []
        for sigma, sigma_next in pairwise(sigmas):
            steering = denoiser.noise_level(wave(torch.full((1,), sigma))).view(6, -1)
            self._levels.append(([_Steered(layer, steering) for layer in layers], sigma_next / sigma))
        weight, channels = denoiser.noisy.weight, denoiser.out.out_features
        self._noisy, self._known, self._is_known = weight[:, :channels].T, weight[:, channels:-1].T, weight[:, -1]
        self._heard, self._bias = denoiser.heard.weight.T, denoiser.heard.bias + denoiser.noisy.bias
        taps, self._near_bias = taps_of(denoiser.near)
        taps[len(taps) // 2] += 1  # the frame itself stays
        self._taps = taps
        self._norm, self._out = denoiser.norm, denoiser.out

    def sample(self, known: Tensor, cues: Tensor, noise: Tensor) -> Tensor:
        """Latents `[W - K, C]` that follow known ones, by Euler steps as `sample_euler` makes them over one window.

        known: `[K, C]`.  cues: what is heard, `[W, CONDITIONS]`.  noise: `[W, C]`.
        """
        first, x = len(known), noise
        given = torch.addmm(self._bias, cues, self._heard)
        given[:first] += torch.addmm(self._is_known, known, self._known)
        turn = _turning(len(cues), self._noisy.shape[1] // self._heads)
        for layers, left in self._levels:
            h = depthwise(torch.addmm(given, x, self._noisy), self._taps, self._near_bias)
            for layer in layers[:-1]:
                h = layer(h, turn, 0)
            clean = self._out(self._norm(layers[-1](h, turn, first)))
            x = torch.lerp(torch.cat([known, clean]), x, left)
        return x[first:]


class _Layer:
    """What a layer of the network does at any noise level."""

    def __init__(self, layer: DenoiserLayer) -> None:
        self.heads, self.steering = layer.heads, layer.steering
        self.qkv = _factors(self._in_halves(layer.qkv.weight), self._in_halves(layer.qkv.bias))
        self.mix, self.up, self.down = (_factors(of.weight, of.bias) for of in (layer.mix, layer.up, layer.down))

    def _in_halves(self, rows: Tensor) -> Tensor:
        """What makes queries, keys and values, `[3 width, ...]`: of a head the even numbers first, queries scaled for attention."""
        q, k, v = rows.clone().chunk(3)
        q *= (len(q) / self.heads) ** -0.5
        q, k = (part.unflatten(0, (self.heads, -1, 2)).transpose(1, 2).flatten(0, 2) for part in (q, k))
        return torch.cat([q, k, v])


class _Steered:
    """A layer of the network at one noise level.  steering: `[6, width]`."""

    def __init__(self, layer: _Layer, steering: Tensor) -> None:
        shift1, scale1, gate1, shift2, scale2, gate2 = (steering[:, None] + layer.steering)[:, 0]
        self._layer = layer
        self._norm1, self._norm2 = (1 + scale1, shift1), (1 + scale2, shift2)
        self._gate1, self._gate2 = 1 + gate1, 1 + gate2

    def __call__(self, h: Tensor, turn: tuple[Tensor, Tensor], first: int) -> Tensor:
        """`[W, width]` -> the rows from `first` on.  turn: see `_turning`."""
        layer, width, (cos, sin) = self._layer, h.shape[1], turn
        heads = layer.heads
        qkv = _product(F.layer_norm(h, (width,), *self._norm1), *layer.qkv)
        halves = qkv[:, : 2 * width].unflatten(1, (2 * heads, 2, -1))
        turned = torch.addcmul(halves * cos, halves.flip(2), sin).flatten(2).transpose(0, 1)
        v = qkv[:, 2 * width :].unflatten(1, (heads, -1)).transpose(0, 1)
        q, k = turned[:heads, first:], turned[heads:]
        attended = torch.bmm(torch.bmm(q, k.transpose(1, 2)).softmax(2), v).transpose(0, 1).flatten(1)
        h = torch.addcmul(h[first:], self._gate1, _product(attended, *layer.mix))
        y = F.gelu(_product(F.layer_norm(h, (width,), *self._norm2), *layer.up))
        return torch.addcmul(h, self._gate2, _product(y, *layer.down))


def _factors(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A linear layer's numbers for `_product`: `[inputs, outputs]`, as they lie in the product, and `[outputs]`."""
    return weight.T.contiguous(), bias


def _product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.addmm(bias, x, weight)


@lru_cache
def _turning(length: int, width: int) -> tuple[Tensor, Tensor]:
    """Cosines `[length, 1, 1, width / 2]` and sines `[length, 1, 2, width / 2]` by which halves of heads turn into each other."""
    cos, sin = rotations(length, width)
    return cos[:, None, None], torch.stack([-sin, sin], 1)[:, None]
