"""One second of the video that the whole lite engine makes, a frame in five kept."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.frames import FrameStream
from sonic_core.settings import Settings

from .curves import sample
from .faces import portrait

KEPT = tuple(range(2, 25, 5))
LABELS = [f"frame {i}" for i in KEPT]
WHO = "smile"


@lru_cache
def second() -> FrameStream:
    """The first words of the sample: 25 frames in memory."""
    engine, clip = LiteEngine(), sample()
    spoken = clip.with_samples(clip.samples[:, : clip.rate], "its first second")
    size = portrait(WHO).height  # as large as it is: nothing is scaled
    conditioning = engine.prepare(portrait(WHO), spoken, Settings(min_resolution=max(256, size // 64 * 64)))
    frames = engine.decode(conditioning, engine.sample(conditioning, conditioning.settings))
    return FrameStream.from_array(np.stack(list(frames)), frames.fps)


@lru_cache
def frames() -> dict[str, NDArray[np.uint8]]:
    """Label -> RGB frame."""
    shown = list(second())
    return {label: shown[i] for label, i in zip(LABELS, KEPT, strict=True)}
