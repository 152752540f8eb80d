"""Decoding a whole clip: chunks of latents on one device or on several, each under a memory plan, then middle frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...progress import Heartbeat, Preview, Progress
from ...runtime.stopping import StopSign
from .decoding import ChunkDecode, ChunkedDecoder, VaeDecode
from .fitting import Fitting
from .interpolation import doubled
from .loading import SonicModel
from .planning import MemoryPlan
from .small_decoder import SmallDecode


class LastReport:
    """A `Progress` that remembers what it was told, so that it can be told again."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.last = ("decoding", 0, 1)

    def __call__(self, stage: str, done: int, total: int, preview: Preview | None = None) -> None:
        self.last = (stage, done, total)
        self.progress(stage, done, total, preview)

    def again(self) -> None:
        self.progress(*self.last)


@dataclass(frozen=True)
class ClipDecoding:
    """One clip to be decoded.

    models: the networks of each device, whose `vae` decodes there; the first one's `ifnet` makes the frames between.
    ready: brings the networks of a device to it as a plan wants them.  overlap: frames that chunks share.
    small: decode by the small decoder where there is one.
    """

    models: Sequence[SonicModel]
    ready: Callable[[int, MemoryPlan, bool], None]
    overlap: int
    small: bool = False

    def run(self, latents: Tensor, length: int, fittings: Sequence[Fitting], progress: Progress) -> Iterator[Tensor]:
        """`length` pictures [3, H, W] in 0..1 of latents [N, 4, h, w].  fittings: the plan in force on each device."""
        told, stopping = LastReport(progress), StopSign()
        heart = Heartbeat(told.again)
        look = heart if len(fittings) == 1 else stopping.look
        lanes = [self._lane(number, fitting, look) for number, fitting in enumerate(fittings)]
        chunk = min(fitting.plan.decode_chunk for fitting in fittings)
        decoder = ChunkedDecoder(self.models[0].vae, chunk, self.overlap, lanes, heart, stopping)
        key_frames = ((picture * 0.5 + 0.5).clamp(0, 1) for picture in decoder(latents, told))
        return doubled(key_frames, self.models[0].ifnet, length)

    def _lane(self, number: int, fitting: Fitting, look: Callable[[], None]) -> ChunkDecode:
        model = self.models[number]
        decode: ChunkDecode = VaeDecode(model.vae, look)
        if self.small and model.small_decoder is not None:
            decode = SmallDecode(model.small_decoder)

        def under(plan: MemoryPlan, latents: Tensor) -> Tensor:
            self.ready(number, plan, self.small)
            return decode(latents[: plan.decode_chunk])

        @torch.no_grad()
        def fitted(latents: Tensor) -> Tensor:
            return fitting.run("decoding", lambda plan: under(plan, latents))

        return fitted
