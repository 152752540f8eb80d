"""Sampling under a memory plan: where it begins, the denoiser as the plan wants it, built anew for a smaller one, and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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


@dataclass(frozen=True)
class Draw:
    """Where and in which precision noise is drawn: a seed gives other numbers on a GPU than on a CPU, and in half than in single."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32

    def generator(self, seed: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(seed)

    def __call__(self, shape: Sequence[int], generator: torch.Generator) -> Tensor:
        return torch.randn(*shape, generator=generator, device=self.device, dtype=self.dtype)


def noisy_start(
    reference: Tensor, length: int, picture_size: tuple[int, int], seed: int, sigma: float, draw: Draw | None = None
) -> Tensor:
    """Where sampling begins: [N, 4, h, w] float32 on the CPU.

    reference: [4, h, w].  picture_size: rows and columns.  Noise is drawn in the published code's order: after noise for the picture, which
    it does not use.  draw: None = on the CPU, in single precision, the same on every machine; otherwise for all frames at once, as a GPU's
    numbers depend on how many are asked for.
    """
    own = draw or Draw()
    generator = own.generator(seed)
    own((1, 3, *picture_size), generator)
    x = long_tensor((length, *reference.shape))
    if draw is not None:
        x.copy_(starting_latents(reference, draw((1, length, *reference.shape), generator)[0].cpu(), sigma))
        return x
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
