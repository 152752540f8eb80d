"""The plan in force while a clip is made, and the way to a smaller one where the device runs out of memory all the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from ...errors import SonicError
from ...runtime.devices import free_memory, is_out_of_memory, release_cache
from .planning import GIB, MemoryPlan, smaller

log = logging.getLogger(__name__)
T = TypeVar("T")


class Fitting:
    """Runs work under a plan; work that runs out of memory is done again under the next smaller one, until there is none.

    plan: in force.  ways: all plans, from the fastest to the one that needs least.  device: where the work runs.
    """

    def __init__(self, plan: MemoryPlan, ways: Sequence[MemoryPlan], device: torch.device) -> None:
        self.plan, self.ways, self.device = plan, ways, device

    def run(self, stage: str, work: Callable[[MemoryPlan], T]) -> T:
        """What `work` returns under the plan that could carry it.  stage: "sampling" or "decoding".

        Work must be such that it can be begun again.  Raises SonicError where the smallest plan fails, and whatever else `work` raises.
        """
        while True:
            try:
                return work(self.plan)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                told = str(error).splitlines()[0] if str(error) else type(error).__name__
            # Outside of the handler: the traceback would hold on to the tensors of the failed work.
            self._shrink(stage, told)

    def _shrink(self, stage: str, told: str) -> None:
        before, plan = self.plan, smaller(self.ways, self.plan, stage)
        release_cache(self.device)
        if plan is None:
            raise SonicError(
                f"{self.device} ran out of memory in {stage} with the smallest plan ({before.described()}; "
                f"{free_memory(self.device) / GIB:.1f} GiB are free now). Choose a smaller min_resolution, or close what else uses the "
                f"device. ({told})"
            )
        self.plan = plan
        log.warning(
            "%s ran out of memory in %s; going on from where it was with a smaller plan: %s.",
            str(self.device).upper() if self.device.type == "cpu" else self.device,
            stage,
            plan.described(),
        )
