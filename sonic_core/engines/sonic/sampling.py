"""Sampling under a memory plan: the denoiser as the plan wants it, built anew for a smaller one, and what is kept after every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...diffusion.guidance import Denoise
from ...diffusion.windows import Windows
from ...errors import SonicError
from ...progress import Preview, Progress
from ...runtime.long_tensors import long_tensor
from ..base import StepStore
from .denoiser import SonicDenoiser, starting_latents
from .fitting import Fitting
from .planning import MemoryPlan


class EnduringDenoiser:
    """A `SonicDenoiser` that outlives a device that runs out of memory: the pass that failed is done again under a smaller plan.

    build: the denoiser of a plan, with the networks where and how it wants them.
    """

    def __init__(self, build: Callable[[MemoryPlan], SonicDenoiser], fitting: Fitting) -> None:
        self.build, self.fitting = build, fitting
        self.built: tuple[MemoryPlan, SonicDenoiser] | None = None

    def __call__(self, x: Tensor, sigma: float, frames: NDArray[np.int64], branches: Sequence[int]) -> list[Tensor]:
        return self.fitting.run("sampling", lambda plan: self._under(plan)(x, sigma, frames, branches))

    def shallow(self, x: Tensor, sigma: float, frames: NDArray[np.int64]) -> Tensor:
        return self.fitting.run("sampling", lambda plan: self._under(plan).shallow(x, sigma, frames))

    def _under(self, plan: MemoryPlan) -> SonicDenoiser:
        if self.built is None or self.built[0] != plan:
            denoiser = self.build(plan)
            if self.built is not None:  # coarse features of the window in work are still those of its last full pass
                denoiser = replace(denoiser, deep=self.built[1].deep)
            self.built = plan, denoiser
        return self.built[1]


def noisy_start(reference: Tensor, length: int, picture_size: tuple[int, int], seed: int, sigma: float) -> Tensor:
    """Where sampling begins: [N, 4, h, w] float32 on the CPU.

    reference: [4, h, w].  picture_size: rows and columns.  Noise is drawn as the published code draws it on a CPU: after noise for the
    picture, which it does not use.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.randn(1, 3, *picture_size, generator=generator)
    x = long_tensor((length, *reference.shape))
    for frame in x:  # the same numbers as all at once, without a second tensor as long as the clip
        frame.copy_(starting_latents(reference, torch.randn(reference.shape, generator=generator), sigma))
    return x


class KeptSteps:
    """What a `StepStore` keeps of sampling: the number of finished steps, the latents after them and the kept differences.

    differences: of `PlannedPredictions`, in use; filled when sampling goes on.
    """

    def __init__(self, store: StepStore | None, differences: dict[int, Tensor]) -> None:
        self.store, self.differences = store, differences

    def resumed(self) -> tuple[int, Tensor] | None:
        """The step to go on with and the latents there, None = from the beginning."""
        state = self.store.load() if self.store else None
        if not state:
            return None
        prefix = "difference."
        for name, kept in state.items():
            if name.startswith(prefix):
                self.differences[int(name.removeprefix(prefix))] = torch.as_tensor(kept)
        return int(state["finished"][0]), torch.as_tensor(state["latents"])

    def keep(self, finished: int, latents: Tensor) -> None:
        """To be called after every step."""
        if self.store is not None:
            kept = {f"difference.{branch}": value for branch, value in self.differences.items()}
            self.store.save({"finished": torch.tensor([finished]), "latents": latents, **kept})


class WindowByWindow:
    """Sends windows to the device and takes them back, says how much of the work is done, and stops between windows.

    costs: passes that a window takes at each of the sampler's steps.  windows, length: how the clip is shared out.
    """

    def __init__(
        self,
        denoise: Denoise,
        device: torch.device,
        costs: Sequence[float],
        windows: Windows,
        length: int,
        progress: Progress,
    ) -> None:
        self.denoise, self.device, self.progress = denoise, device, progress
        per_step = [[cost] * sum(1 for _ in windows(length, i)) for i, cost in enumerate(costs)]
        self.before = [0.0, *accumulate(sum(step) for step in per_step)]  # passes done when a step begins
        self.done = 0.0
        self.costs = costs
        self.step = 0

    def begin(self, step: int) -> None:
        """Go on at a step of the sampler."""
        self.step, self.done = step, self.before[step]

    def __call__(self, x: Tensor, sigma: float, frames: NDArray[np.int64]) -> Tensor:
        self._report()
        denoised = self.denoise(x.to(self.device), sigma, frames).to(x)
        if not denoised.isfinite().all():
            raise SonicError(
                "The UNet's numbers overflow, so that every frame would be black. Choose precision bf16 or fp32; where that does "
                "not help, its weights are damaged: download them again."
            )
        self.done += self.costs[self.step]
        return denoised

    def after_step(self, stage: str, done: int, total: int, preview: Preview | None = None) -> None:
        """The sampler's `Progress`: the same in passes."""
        self.begin(done)
        self._report(preview)

    def _report(self, preview: Preview | None = None) -> None:
        self.progress("sampling", round(self.done), round(self.before[-1]), preview)
