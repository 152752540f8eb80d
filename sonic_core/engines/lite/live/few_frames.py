"""The motion denoiser for the few noise levels and frames of a live step: the network's numbers, in a third of its calls.

At a known noise level scale, shift and gate are numbers like any other weights; what is heard and what is known is the same at all levels;
and of the last layer only the frames that are not known matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ....diffusion.guidance import Denoise
from ..denoiser import DenoiserLayer, MotionDenoiser, rotations, wave


class FewFrames:
    """Made once for `sigmas`; shared."""

    def __init__(self, denoiser: MotionDenoiser, sigmas: Sequence[float]) -> None:
        self._denoiser = denoiser
        self._channels = denoiser.out.out_features
        layers = [cast(DenoiserLayer, layer) for layer in denoiser.layers]
        self._steered = {}
        for sigma in sigmas:
            steering = denoiser.noise_level(wave(torch.full((1,), sigma))).view(6, -1)
            self._steered[sigma] = [_Steered(layer, steering) for layer in layers]
        near = denoiser.near
        self._taps, self._near_bias = near.weight[:, 0], cast(Tensor, near.bias)
        self._rotated = denoiser.noisy.out_features // layers[0].heads  # numbers that a head turns

    def denoise(self, known: Tensor, cues: Tensor) -> Denoise:
        """For the sampler: a window whose first frames are known.  known: latents `[K, C]`.  cues: what is heard, `[W, CONDITIONS]`."""
        network, channels = self._denoiser, self._channels
        first = len(known)
        told = torch.zeros(len(cues), channels + 1)
        told[:first, :channels], told[:first, channels] = known, 1
        noisy = network.noisy.weight[:, :channels].T
        given = network.heard(cues) + F.linear(told, network.noisy.weight[:, channels:], network.noisy.bias)
        turn = torch.complex(*rotations(len(cues), self._rotated))[:, None]

        def denoise(x: Tensor, sigma: float, frames: object) -> Tensor:
            h = torch.addmm(given, x, noisy)
            padded = F.pad(h, (0, 0, 3, 3))
            h = h + (padded.unfold(0, 7, 1) * self._taps).sum(2) + self._near_bias
            *layers, last = self._steered[sigma]
            for layer in layers:
                h = layer(h, turn, 0)
            h = last(h, turn, first)
            return torch.cat([known, network.out(network.norm(h))])

        return denoise


class _Steered:
    """A layer of the network at one noise level.  steering: `[6, width]`."""

    def __init__(self, layer: DenoiserLayer, steering: Tensor) -> None:
        shift1, scale1, gate1, shift2, scale2, gate2 = (steering[:, None] + layer.steering)[:, 0]
        self._heads = layer.heads
        self._norm1, self._norm2 = (1 + scale1, shift1), (1 + scale2, shift2)
        self._qkv, self._up = (layer.qkv.weight, layer.qkv.bias), (layer.up.weight, layer.up.bias)
        self._mix = ((1 + gate1)[:, None] * layer.mix.weight, (1 + gate1) * layer.mix.bias)
        self._down = ((1 + gate2)[:, None] * layer.down.weight, (1 + gate2) * layer.down.bias)

    def __call__(self, h: Tensor, turn: Tensor, first: int) -> Tensor:
        """`[W, width]` -> the rows from `first` on.  turn: rotations, complex `[W, 1, width / heads / 2]`."""
        width = h.shape[1]
        qkv = F.linear(F.layer_norm(h, (width,), *self._norm1), *self._qkv)
        pairs = qkv[:, : 2 * width].unflatten(1, (2 * self._heads, -1, 2))
        turned = torch.view_as_real(torch.view_as_complex(pairs) * turn).flatten(2)
        q, k = turned.transpose(0, 1)[None].chunk(2, 1)
        v = qkv[:, 2 * width :].unflatten(1, (self._heads, -1)).transpose(0, 1)[None]
        attended = F.scaled_dot_product_attention(q[:, :, first:], k, v)[0].transpose(0, 1).flatten(1)
        h = h[first:] + F.linear(attended, *self._mix)
        y = F.gelu(F.linear(F.layer_norm(h, (width,), *self._norm2), *self._up))
        return h + F.linear(y, *self._down)
