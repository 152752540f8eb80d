"""The denoiser: Sonic's UNet under three conditions, for one window of a clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...diffusion.schedule import continuous_timestep, denoised_from_v, scaled_input
from ...runtime.stopping import stoppable
from .attention import AttentionContext
from .unet import SonicUNet

KEY_FPS = 12.5
START_SCALE = (
    0.18215  # of the reference latent in the start; fixed in the published code, whatever the VAE's config says
)
NOTHING, PICTURE, ALL = range(3)  # branches of guidance


@dataclass(frozen=True)
class Conditions:
    """All that the denoiser is told about N key frames.

    image_latent: [4, h, w] of the reference picture, unscaled.  clip: [1, C] its CLIP embedding.  audio: [N, T, C] tokens.
    silence: [1, T, C] tokens of silence.  buckets: [N, 2] motion of head and of expression, scaled.  mask: [1, 1, 8h, 8w], 0..1, or None.
    """

    image_latent: Tensor
    clip: Tensor
    audio: Tensor
    silence: Tensor
    buckets: Tensor
    mask: Tensor | None
    fps: float = KEY_FPS

    def __len__(self) -> int:
        return len(self.audio)


def starting_latents(reference_latent: Tensor, noise: Tensor, sigma: float) -> Tensor:
    """Where sampling begins: the still picture at every frame plus noise [N, 4, h, w] at level sigma, float32."""
    return START_SCALE * reference_latent.float() + noise.float() * sigma


class Predictor(Protocol):
    """Predictions of the branches for one run; see `SonicDenoiser`."""

    def __call__(self, x: Tensor, sigma: float, frames: NDArray[np.int64], branches: Sequence[int]) -> list[Tensor]: ...

    def shallow(self, x: Tensor, sigma: float, frames: NDArray[np.int64]) -> Tensor: ...


@dataclass(frozen=True)
class SonicDenoiser:
    """Predictions of the three branches; the `Branches` of `diffusion.guidance` for one run.

    Branches: 0 knows nothing (no CLIP, no image latent, silence), 1 the picture (silence), 2 picture and sound.
    together: branches in one batch; otherwise one after the other, in a third of the memory.
    keep_deep: remember the coarse features of branch 2 in `deep`, for `shallow` on the same window.
    windows: how many go in one batch, where several are given: x [B, W, ...] and frames [B, W].
    look: called again and again during a pass; may raise to stop it.
    """

    unet: SonicUNet
    conditions: Conditions
    together: bool = True
    keep_deep: bool = False
    deep: list[Tensor] = field(default_factory=list)
    windows: int = 1
    look: Callable[[], None] | None = None

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: float, frames: NDArray[np.int64], branches: Sequence[int]) -> list[Tensor]:
        """Denoised [W, 4, h, w] of each branch, float32.  x: [W, 4, h, w] at level sigma.  frames: [W] places in the clip."""
        if x.ndim == 4:
            return [part[0] for part in self(x[None], sigma, frames[None], branches)]
        deep: list[Tensor] = []
        batches = [self._predicted(part, sigma, its, branches, deep) for part, its in self._batches(x, frames)]
        if deep:
            self.deep[:] = [torch.cat(deep)]
        return [torch.cat(parts) for parts in zip(*batches, strict=True)]

    @torch.no_grad()
    def shallow(self, x: Tensor, sigma: float, frames: NDArray[np.int64]) -> Tensor:
        """Denoised [W, 4, h, w] of branch 2 by the outermost layers, after a full pass over the same window at a level nearby."""
        if x.ndim == 4:
            return self.shallow(x[None], sigma, frames[None])[0]
        deep, made = self.deep[0].unflatten(0, x.shape[:2]), []
        for (part, its), (coarse, _) in zip(self._batches(x, frames), self._batches(deep, frames), strict=True):
            with self._stoppable():
                v = self.unet.forward_shallow(*self._inputs(part, sigma, its, (ALL,)), coarse.flatten(0, 1))
            made += self._denoised(v, part, sigma)
        return torch.cat(made)

    def _batches(self, x: Tensor, frames: NDArray[np.int64]) -> list[tuple[Tensor, NDArray[np.int64]]]:
        """Windows [B, W, ...] and their frames [B, W] in as many parts as are to go one after another."""
        starts = range(0, len(x), self.windows)
        return [(x[i : i + self.windows], frames[i : i + self.windows]) for i in starts]

    def _predicted(
        self, x: Tensor, sigma: float, frames: NDArray[np.int64], branches: Sequence[int], deep: list[Tensor]
    ) -> list[Tensor]:
        """Denoised [B, W, 4, h, w] of each branch; deep: gets coarse features [B * W, ...] of branch 2 where they are to be kept."""
        made: list[Tensor] = []
        for group in [tuple(branches)] if self.together else [(branch,) for branch in branches]:
            keep: list[Tensor] | None = [] if self.keep_deep and ALL in group else None
            with self._stoppable():
                v = self.unet(*self._inputs(x, sigma, frames, group), keep)
            if keep:
                deep.append(keep[0].chunk(len(group))[group.index(ALL)].clone())
            made += self._denoised(v, x, sigma)
        return made

    def _stoppable(self) -> AbstractContextManager[None]:
        return stoppable(self.unet, self.look, self.unet.places_to_stop) if self.look else nullcontext()

    def _inputs(
        self, x: Tensor, sigma: float, frames: NDArray[np.int64], branches: Sequence[int]
    ) -> tuple[Tensor, Tensor, Tensor, AttentionContext]:
        noisy = scaled_input(x, sigma).to(self.unet.dtype)
        image = self.conditions.image_latent.to(noisy).expand_as(noisy)
        sample = torch.cat([torch.cat([noisy, image * (branch != NOTHING)], dim=2) for branch in branches])
        timestep = torch.tensor([continuous_timestep(sigma)], dtype=torch.float32, device=x.device)
        return sample, timestep, self._ids(frames, len(branches)), self._context(frames, branches)

    def _denoised(self, v: Tensor, x: Tensor, sigma: float) -> list[Tensor]:
        """v [branches * B, W, 4, h, w] -> denoised [B, W, 4, h, w] of each branch."""
        return [denoised_from_v(part.float(), x, sigma) for part in v.split(len(x))]

    def _ids(self, frames: NDArray[np.int64], branches: int) -> Tensor:
        motion = self.conditions.buckets[frames].mean(dim=1)
        ids = torch.cat([motion.new_full((len(motion), 1), self.conditions.fps), motion], dim=1)
        return ids.repeat(branches, 1).to(self.unet.device)

    @cached_property
    def _fixed(self) -> AttentionContext:
        """What stays the same all through a run: the same tensor objects, so that their projections are made once."""
        there = self.unet.device, self.unet.dtype
        clip = self.conditions.clip.to(*there)
        return AttentionContext(
            clip=[torch.zeros_like(clip), clip],
            audio=[self.conditions.silence.to(*there)],
            mask=self.conditions.mask,
            frames=1,
            size=(self.conditions.image_latent.shape[-2], self.conditions.image_latent.shape[-1]),
        )

    def _context(self, frames: NDArray[np.int64], branches: Sequence[int]) -> AttentionContext:
        (no_clip, clip), (silence,) = self._fixed.clip, self._fixed.audio
        sounds = [self.conditions.audio[its].to(silence) if ALL in branches else silence for its in frames]
        return replace(
            self._fixed,
            clip=[no_clip if branch == NOTHING else clip for branch in branches for _ in frames],
            audio=[sound if branch == ALL else silence for branch in branches for sound in sounds],
            frames=frames.shape[1],
        )
