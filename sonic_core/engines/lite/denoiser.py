"""MotionDenoiser: a small transformer that sees noisy motion of a few seconds and what is being said, and tells the clean motion."""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...package_weights import reading
from .motion import DENOISER_WEIGHTS
from .motion_space import CHANNELS, CONDITIONS


class MotionDenoiser(nn.Module):
    """Transformer with rotary positions; the noise level steers every layer by scale, shift and gate (DiT, Peebles and Xie 2023).

    Trained by flow matching: x = (1 - sigma) * motion + sigma * noise; it predicts the motion itself.
    """

    def __init__(self, width: int = 128, depth: int = 5, heads: int = 4) -> None:
        super().__init__()
        channels = len(CHANNELS)
        self.noisy = nn.Linear(2 * channels + 1, width)  # noisy motion, known motion, whether it is known
        self.heard = nn.Linear(CONDITIONS, width)
        self.nothing_heard = nn.Parameter(torch.zeros(width))
        self.near = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.noise_level = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, 6 * width))
        self.layers = nn.ModuleList(DenoiserLayer(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, channels)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))

    def forward(self, x: Tensor, sigma: Tensor, heard: Tensor | None, known: Tensor, is_known: Tensor) -> Tensor:
        """x: [B, W, C] noisy latents.  sigma: [B] in 0..1.  heard: [B, W, CONDITIONS], None = nothing.

        known: [B, W, C] latents of frames that are settled already (the end of what came before), is_known: [B, W] 0 or 1.
        Returns the clean latents [B, W, C].
        """
        mask = is_known[..., None]
        audio = self.heard(heard) if heard is not None else self.nothing_heard.expand(*x.shape[:2], -1)
        return self.cleaned(x, sigma, audio, known, mask)

    def cleaned(self, x: Tensor, sigma: Tensor, audio: Tensor, known: Tensor, mask: Tensor) -> Tensor:
        """The same with what is heard as the layers see it, [B, W, width], and mask: [B, W, 1], 1 = known."""
        h = self.noisy(torch.cat([x, known * mask, mask], -1)) + audio
        h = h + self.near(h.transpose(1, 2)).transpose(1, 2)
        steering = self.noise_level(wave(sigma)).unflatten(-1, (6, -1))[:, :, None]
        turn = rotations(x.shape[1], h.shape[-1] // self.layers[0].heads)
        for layer in self.layers:
            h = layer(h, steering, turn)
        return self.out(self.norm(h))

    @classmethod
    def load(cls, path: Path = DENOISER_WEIGHTS) -> MotionDenoiser:
        """The weights of the package, or of a file made by training/train_motion.py."""
        from safetensors import safe_open

        with reading("The motion denoiser", path), safe_open(path, "pt") as file:
            shape = {k: int(v) for k, v in file.metadata().items() if k in ("width", "depth", "heads")}
            denoiser = cls(**shape)
            denoiser.load_state_dict({k: file.get_tensor(k).float() for k in file.keys()})  # noqa: SIM118  not a dict
        return denoiser.eval().requires_grad_(False)


class WithOrWithoutSound(nn.Module):
    """The denoiser with a number in the place of None, for `NetworkSpec`: is_heard [B], 1 = `heard` counts, 0 = nothing is heard."""

    def __init__(self, denoiser: MotionDenoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(
        self, x: Tensor, sigma: Tensor, heard: Tensor, is_heard: Tensor, known: Tensor, is_known: Tensor
    ) -> Tensor:
        if not torch.jit.is_tracing() and bool((sigma == sigma[0]).all()):
            sigma = sigma[:1]
        share = is_heard[:, None, None]
        audio = self.denoiser.heard(heard) * share + self.denoiser.nothing_heard * (1 - share)
        return self.denoiser.cleaned(x, sigma, audio, known, is_known[..., None])


def load_module(weights: Path) -> WithOrWithoutSound:
    """For `NetworkSpec`."""
    return WithOrWithoutSound(MotionDenoiser.load(weights))


class DenoiserLayer(nn.Module):
    """One layer; steering: `[B, 6, 1, width]` shift, scale and gate of attention and of the rest, turn: of `rotations`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        self.steering = nn.Parameter(torch.zeros(6, 1, width))
        self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)

    def forward(self, h: Tensor, steering: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = (steering + self.steering).unbind(1)
        y = _steered(self.norm1, h, scale1, shift1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.qkv(y).chunk(3, -1))
        attended = F.scaled_dot_product_attention(_turned(q, turn), _turned(k, turn), v)
        h = h + (1 + gate1) * self.mix(attended.transpose(1, 2).flatten(2))
        y = _steered(self.norm2, h, scale2, shift2)
        return h + (1 + gate2) * self.down(F.gelu(self.up(y)))


def wave(sigma: Tensor) -> Tensor:
    """Sinusoids of the noise level, [B] -> [B, 64]."""
    rates = torch.exp(torch.linspace(0, math.log(1000), 32, dtype=sigma.dtype))
    angles = sigma[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1)


def rotations(length: int, width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every place's angles, `[length, width / 2]` each."""
    rates = torch.exp(-math.log(1000) * torch.arange(0, width, 2) / width)
    angles = torch.arange(length)[:, None] * rates
    return angles.cos(), angles.sin()


def _steered(norm: nn.LayerNorm, h: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """The norm of `[B, W, width]`, scaled and shifted by `[B or 1, 1, width]`: in one call where the noise level is the same for all."""
    if len(scale) == 1 and not torch.jit.is_tracing():
        return F.layer_norm(h, norm.normalized_shape, 1 + scale[0, 0], shift[0, 0], norm.eps)
    return norm(h) * (1 + scale) + shift


def _turned(t: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary position embedding (Su et al. 2021) on [B, heads, W, width]."""
    cos, sin = turn
    if t.dtype == torch.float32 and not torch.jit.is_tracing():
        turned = torch.view_as_complex(t.unflatten(-1, (-1, 2))) * torch.complex(cos, sin)
        return torch.view_as_real(turned).flatten(-2)
    even, odd = t[..., ::2], t[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)
