"""Prosody while the sound arrives: measured once a frame, judged against the last seconds of the same voice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..prosody import Measures, Prosody, measured, prosody_of

FPS = 25.0
FRAME = 640  # samples
REMEMBERED = 200
"""Frames by which loudness and pitch are judged, 8 s."""


class Voice:
    """The voice of the last seconds."""

    def __init__(self) -> None:
        nothing = np.zeros(REMEMBERED)
        self._measures = Measures(nothing, nothing, nothing)
        self._before = np.zeros(FRAME, np.float32)

    def hear(self, sound: NDArray[np.float32], shown: int) -> Prosody:
        """sound: `[samples]`, whole frames.  Returns the prosody of the last `shown` frames, the newest last."""
        frames = len(sound) // FRAME
        around = np.concatenate([self._before, sound])  # the newest frame is measured up to 32 ms after its beginning
        new = measured(around, 1 + frames, FPS)
        new = Measures(new.energy[1:], new.hertz[1:], new.clarity[1:])
        self._before = around[-FRAME:]
        self._measures = self._measures.followed_by(new, REMEMBERED)
        return prosody_of(self._measures, FPS).last(shown)

    def forget(self, frames: int) -> None:
        """The last `frames` were not said; silence follows what was."""
        nothing = np.zeros(frames)
        m, kept = self._measures, slice(0, REMEMBERED - frames)
        said = Measures(m.energy[kept], m.hertz[kept], m.clarity[kept])
        self._measures = Measures(nothing, nothing, nothing).followed_by(said, REMEMBERED)
        self._before = np.zeros(FRAME, np.float32)
