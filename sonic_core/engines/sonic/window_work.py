"""Windows in work: one by one on one device, or side by side on several; what is done is told, and it can be stopped anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...diffusion.guidance import Denoise
from ...diffusion.windows import Windows
from ...errors import SonicError
from ...progress import Heartbeat, Preview, Progress
from ...runtime.stopping import StopSign

LOOK_S = 0.2  # between two looks at windows that are in work elsewhere


@dataclass(frozen=True)
class Lane:
    """One device and what denoises a window there.  settle: to be called in the windows' order when a window is done."""

    device: torch.device
    denoise: Denoise
    settle: Callable[[], None] = lambda: None

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: float, frames: NDArray[np.int64]) -> Tensor:
        """x [W, ...] or [B, W, ...] on the CPU -> denoised, there again.  Raises SonicError for numbers that overflow."""
        with _current(self.device):
            denoised = self.denoise(x.to(self.device), sigma, frames).to(x)
        if not denoised.isfinite().all():
            raise SonicError(
                "The UNet's numbers overflow, so that every frame would be black. Choose precision bf16 or fp32; where that does "
                "not help, its weights are damaged: download them again."
            )
        return denoised


class Windowing:
    """The sampler's `denoise`: windows of a step, one by one or several at once, shared out to the lanes.

    costs: passes that a window takes at each of the sampler's steps.  windows, length: how the clip is shared out.
    With several lanes the numbers are those of one: what windows learn is settled in their order.
    """

    def __init__(self, costs: Sequence[float], windows: Windows, length: int, progress: Progress) -> None:
        self.progress = progress
        per_step = [[cost] * sum(1 for _ in windows(length, i)) for i, cost in enumerate(costs)]
        self.before = [0.0, *accumulate(sum(step) for step in per_step)]  # passes done when a step begins
        self.done = 0.0
        self.costs = costs
        self.step = 0
        self.lanes: Sequence[Lane] = ()
        self.stopping = StopSign()
        self.beat = Heartbeat(self._report)

    def begin(self, step: int) -> None:
        """Go on at a step of the sampler."""
        self.step, self.done = step, self.before[step]

    def look(self) -> None:
        """To be called again and again by whatever is at work, in any thread; raises where it is to stop."""
        if len(self.lanes) < 2:
            self.beat()
        else:
            self.stopping.look()

    def __call__(self, x: Tensor, sigma: float, frames: NDArray[np.int64]) -> Tensor:
        """x [W, ...] -> denoised; where windows come together both [B, W, ...], and frames [B, W]."""
        self._report()
        if frames.ndim == 1:
            denoised = self.lanes[0](x, sigma, frames)
            self.lanes[0].settle()
            self.done += self.costs[self.step]
            return denoised
        used = self.lanes[: len(frames)]
        if len(used) == 1:
            denoised = used[0](x, sigma, frames)
        else:
            shares = np.array_split(frames, len(used))
            denoised = torch.cat(self._side_by_side(used, x.split([len(its) for its in shares]), sigma, shares))
        for lane in used:
            lane.settle()
        self.done += self.costs[self.step] * len(frames)
        return denoised

    def after_step(self, stage: str, done: int, total: int, preview: Preview | None = None) -> None:
        """The sampler's `Progress`: the same in passes."""
        self.begin(done)
        self._report(preview)

    def _side_by_side(
        self, lanes: Sequence[Lane], x: Sequence[Tensor], sigma: float, frames: Sequence[NDArray[np.int64]]
    ) -> list[Tensor]:
        with ThreadPoolExecutor(len(lanes), thread_name_prefix="sonic-lane") as threads:
            work = [threads.submit(lane, part, sigma, its) for lane, part, its in zip(lanes, x, frames, strict=True)]
            try:
                waiting: set[Future[Tensor]] = set(work)
                while waiting:
                    done, waiting = wait(waiting, LOOK_S, FIRST_EXCEPTION)
                    for future in done:
                        future.result()
                    self.beat()
            except BaseException:
                self.stopping.show()  # the pool's end waits for the others, which stop at their next layer
                raise
        return [future.result() for future in work]

    def _report(self, preview: Preview | None = None) -> None:
        self.progress("sampling", round(self.done), round(self.before[-1]), preview)


def _current(device: torch.device) -> AbstractContextManager[object]:
    """What makes a GPU the one that kernels are compiled and chosen for in this thread."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
