"""The motion latents: what of the renderer's parameters the denoiser makes, scaled so that every channel counts alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...hearing.lip_motion import MOUTH, lip_motion
from ...hearing.lip_reader import PHONES, ROWS, Articulation
from ...package_weights import reading
from ...scratch import RowStore, forget
from .parameters import PARAMETER_INDEX, PARAMETERS
from .prosody import Prosody

BEHAVIOUR = ("brow", "blink", "gaze_x", "gaze_y", "yaw", "pitch", "roll", "tx", "ty")
CHANNELS = MOUTH + BEHAVIOUR
"""Latent channels in order; `blink` moves both lids."""
LIPS = slice(0, len(MOUTH))
CONDITIONS = 2 * (4 + len(PHONES)) + 4 + len(MOUTH)
"""Numbers per video frame that the denoiser hears: two 20 ms states of articulation, the prosody, the plain mouth for it."""


@dataclass(frozen=True)
class MotionSpace:
    """mean, scale: `[C]` float32 of the training motion."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def load(cls, weights: Path) -> MotionSpace:
        """That of a motion denoiser's weights."""
        from safetensors import safe_open

        with reading("The motion denoiser", weights), safe_open(weights, "np") as file:
            return cls(*(file.get_tensor(name).astype(np.float32) for name in ("mean", "scale")))

    def encode(self, motion: NDArray[np.float32]) -> NDArray[np.float32]:
        """Channels `[T, C]` in the renderer's units -> latents `[T, C]`."""
        return (motion - self.mean) / self.scale

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        return latents * self.scale + self.mean


def conditions(heard: Articulation, prosody: Prosody, frame_count: int, fps: float = 25.0) -> NDArray[np.float32]:
    """What the denoiser hears, `[frame_count, CONDITIONS]`.

    The states at i / fps and 20 ms later; loudness, pitch, voicing, prominence; and the mouth that `lip_motion` makes of the states,
    which the denoiser performs with more or less effort.  Those of a long recording are mapped from a file (`scratch.forget`).
    """
    curves = np.stack([heard.open, heard.round, heard.closure, heard.labiodental], 1)
    manner = np.stack([prosody.loudness, prosody.pitch, prosody.voiced, prosody.prominence], 1)
    mouth = lip_motion(heard, frame_count, fps)
    now = np.round(np.arange(frame_count) * (50 / fps)).astype(int)
    rows = RowStore(CONDITIONS)
    for first in range(0, frame_count, ROWS):
        frames = slice(first, first + ROWS)
        states = (np.minimum(now[frames] + ahead, len(heard) - 1) for ahead in (0, 1))
        parts = [part for places in states for part in (curves[places], heard.phones[places])]
        rows.append(np.concatenate([*parts, manner[frames], mouth[frames]], 1).astype(np.float32))
        forget(heard.phones)
    return rows.whole()


def track_from_channels(motion: NDArray[np.float32]) -> NDArray[np.float32]:
    """Channels `[T, C]` -> the renderer's motion track `[T, P]`."""
    track = np.tile(np.array([p.neutral for p in PARAMETERS], np.float32), (len(motion), 1))
    for column, name in enumerate(CHANNELS):
        for parameter in ("blink_l", "blink_r") if name == "blink" else (name,):
            track[:, PARAMETER_INDEX[parameter]] = motion[:, column]
    return track
