"""The sound of a video file on its picture's clock, from the first frame on, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
from numpy.typing import NDArray

from ..audio.channels import cancels
from ..audio.part import frame_samples
from ..audio.waveform import unit_float
from ..errors import AudioError
from .timeline import Timeline, opened, sound_of, tolerant

LAYOUTS = {1: "mono", 2: "stereo"}
GAP = 0.05
"""s; a hole in the sound's time stamps that is filled with silence. Smaller ones are rounding of the container."""


def read_sound(timeline: Timeline, rate: int | None = None, mono: bool = False) -> Iterator[NDArray[np.float32]]:
    """Float32 blocks `[channels, n]` of the sound from the first frame to the end of sound; silence fills what is missing.

    rate: another sample rate than the file's own.  mono: the mean of the channels, `[1, n]`.
    """
    resampler = None
    if rate is not None and rate != timeline.rate:
        count = 1 if mono else timeline.channels
        resampler = av.AudioResampler(format="fltp", layout=LAYOUTS.get(count, timeline.layout), rate=rate)
    mixing = _RunningMix()
    for block in _continuous_sound(timeline):
        block = mixing(block) if mono else block
        if resampler is None:
            yield block
            continue
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), "fltp", resampler.layout.name)
        frame.sample_rate = timeline.rate
        yield from (unit_float(made.to_ndarray()) for made in resampler.resample(frame))
    if resampler is not None:
        yield from (unit_float(made.to_ndarray()) for made in resampler.resample(None))


class _RunningMix:
    """`[channels, n]` -> `[1, n]`: the mean, or the louder channel as soon as the sound so far cancels in the mean."""

    def __init__(self) -> None:
        self.power, self.mixed = np.zeros(2), 0.0

    def __call__(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        mean = block.mean(axis=0, keepdims=True)
        if len(block) != 2:
            return mean
        self.power += (block.astype(np.float64) ** 2).sum(axis=1)
        self.mixed += float((mean.astype(np.float64) ** 2).sum())
        if not cancels(self.power, self.mixed):
            return mean
        return block[[int(self.power.argmax())]]


def _continuous_sound(timeline: Timeline) -> Iterator[NDArray[np.float32]]:
    """Blocks at the file's own rate, laid end to end from the first frame's time on."""
    position = 0
    with opened(timeline.path) as container:
        stream = sound_of(container, timeline.path)
        for frame in tolerant(container, stream):
            if frame.sample_rate != timeline.rate or frame.layout.nb_channels != timeline.channels:
                raise AudioError(
                    f"The sound of {timeline.path.name} changes its rate or channels after {position / timeline.rate:.1f} s. "
                    "Convert the video first."
                )
            block = np.nan_to_num(unit_float(frame_samples(frame)), posinf=0.0, neginf=0.0)
            place = position if frame.time is None else round((frame.time - timeline.zero) * timeline.rate)
            missing = place - position
            if missing > GAP * timeline.rate or (position == 0 and missing > 0):
                position += missing
                while missing > 0:
                    yield np.zeros((timeline.channels, min(missing, timeline.rate)), np.float32)
                    missing -= timeline.rate
            elif missing < -GAP * timeline.rate or (position == 0 and missing < 0):
                block = block[:, -missing:]
            position += block.shape[1]
            if block.shape[1]:
                yield block
