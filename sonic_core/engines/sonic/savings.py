"""Savings that change the result a little: guidance differences used again, and steps taken inside a window by the outermost layers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...diffusion.guidance import Denoise
from ...diffusion.schedule import Sigmas
from ...runtime.long_tensors import long_tensor
from .denoiser import ALL, NOTHING, PICTURE, Predictor
from .presets import Preset


@dataclass(frozen=True)
class StepPlan:
    """fresh: branches computed at this step.  shallow: by the outermost layers alone (then only branch 2 is fresh)."""

    fresh: frozenset[int]
    shallow: bool = False


def plan_steps(sigmas: Sigmas, preset: Preset) -> dict[float, StepPlan]:
    """What is computed at each noise level [S + 1] of a run; the first step computes everything."""
    plans = {}
    for i, sigma in enumerate(sigmas.tolist()[:-1]):
        group, within_group = divmod(i, preset.substeps)
        fresh = {ALL}
        if within_group == 0 and group % preset.picture_every == 0:
            fresh.add(PICTURE)
        if within_group == 0 and group % preset.nothing_every == 0:
            fresh |= {PICTURE, NOTHING}
        plans[sigma] = StepPlan(frozenset(fresh), shallow=within_group > 0)
    return plans


@dataclass(frozen=True)
class PlannedPredictions:
    """`Branches` that follow a plan: what is not computed follows from the branch above it and their last known difference.

    length: key frames of the clip.  Differences are kept for each of them, as windows move, in half precision on the CPU; they are those
    of v, so they scale with the noise level.  What a window (or those that go in one batch) finds is its own until it is settled, so that
    windows may be in work side by side, each with its own `PlannedPredictions` over the same `differences`.
    """

    denoiser: Predictor
    plan: dict[float, StepPlan]
    length: int
    differences: dict[int, Tensor] = field(default_factory=dict)
    found: dict[int, tuple[NDArray[np.int64], Tensor]] = field(default_factory=dict)

    def __call__(self, x: Tensor, sigma: float, frames: NDArray[np.int64], branches: tuple[int, ...]) -> list[Tensor]:
        if any(own is not frames for own, _ in self.found.values()):  # another window begins
            self.settle()
        step, scale = self.plan[sigma], sigma / math.sqrt(sigma**2 + 1)
        if step.shallow:
            known = {ALL: self.denoiser.shallow(x, sigma, frames)}
        else:
            computed = tuple(branch for branch in branches if branch in step.fresh)
            known = dict(zip(computed, self.denoiser(x, sigma, frames, computed), strict=True))
        for branch in (PICTURE, NOTHING):
            if branch in known:
                self.found[branch] = frames, ((known[branch + 1] - known[branch]) / scale).half().cpu()
            elif branch >= min(branches):
                known[branch] = known[branch + 1] - self._last(branch, frames).to(x) * scale
        return [known[branch] for branch in branches]

    def settle(self) -> None:
        """Keep what the window in work has found; later windows, and those beside it in the next step, go by it."""
        for branch, (frames, difference) in self.found.items():
            one = difference.shape[frames.ndim :]
            if branch not in self.differences:
                self.differences[branch] = long_tensor((self.length, *one), torch.float16)
            windows = zip(np.atleast_2d(frames), difference.view(-1, frames.shape[-1], *one), strict=True)
            for its, found in windows:  # one after another: where they meet the later one counts
                self.differences[branch][its] = found
        self.found.clear()

    def _last(self, branch: int, frames: NDArray[np.int64]) -> Tensor:
        return self.found[branch][1] if branch in self.found else self.differences[branch][frames]


def in_groups(denoise: Denoise, sigmas: Sigmas, size: int) -> tuple[Denoise, Sigmas]:
    """Let every window take `size` Euler steps at once.

    Returns a denoiser and the noise levels [S' + 1] that remain for the sampler; one of its steps ends where `size` steps would.
    """
    if size == 1:
        return denoise, sigmas
    levels = sigmas.tolist()
    paths = {levels[a]: levels[a : b + 1] for a, b in pairwise(_stops(sigmas, size))}

    def denoise_group(x: Tensor, sigma: float, frames: NDArray[np.int64]) -> Tensor:
        path = paths[sigma]
        # The way is long beside its end: single precision loses the end's last digits. MPS has no other.
        y = start = x if x.device.type == "mps" else x.double()
        for level, next_level in pairwise(path):
            y = y + (y - denoise(y.to(x), level, frames)) / level * (next_level - level)
        return (start - (y - start) * (sigma / (path[-1] - sigma))).to(x)

    return denoise_group, levels_in_groups(sigmas, size)


def levels_in_groups(sigmas: Sigmas, size: int) -> Sigmas:
    """The noise levels [S' + 1] that remain for the sampler when windows take `size` steps at once."""
    return sigmas[_stops(sigmas, size)]


def _stops(sigmas: Sigmas, size: int) -> list[int]:
    return [*range(0, len(sigmas) - 1, size), len(sigmas) - 1]
