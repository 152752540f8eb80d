"""AudioClip: a recording in memory; time in this project is always counted from its samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..scratch import forget


@dataclass(frozen=True)
class AudioClip:
    """Waveform float32 `[channels, samples]` within -1..1 at `rate` Hz.

    name: for messages.  source: the file these samples are the whole of, untouched (lets the writer copy its stream), else None.
    notes: what was adjusted while loading, in plain words.  mix: gain of each channel in `mono`, None = the mean (channels.mono_gains).
    """

    samples: NDArray[np.float32]
    rate: int
    name: str = "audio"
    source: Path | None = None
    notes: tuple[str, ...] = ()
    mix: tuple[float, ...] | None = None

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.samples.shape[1] / self.rate

    def frame_count(self, fps: float) -> int:
        """Video frames that this recording lasts: round(duration * fps), at least 1."""
        return max(1, round(self.duration * fps))

    def mono(self) -> NDArray[np.float32]:
        """What is listened to, `[samples]`: the mean of the channels, or what `mix` says."""
        return self.mixed(0, self.samples.shape[1])

    def mixed(self, begin: int, end: int) -> NDArray[np.float32]:
        """Samples `begin` to `end` of `mono`."""
        part = self.samples[:, begin:end]
        mixed = part.mean(axis=0) if self.mix is None else np.array(self.mix, np.float32) @ part
        forget(self.samples)
        return mixed.astype(np.float32, copy=False)

    def with_samples(self, samples: NDArray[np.float32], *notes: str) -> AudioClip:
        """The same recording with other samples: no longer what stands in the source file."""
        return replace(self, samples=samples, source=None, notes=self.notes + notes)
