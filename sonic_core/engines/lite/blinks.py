"""The shape of one blink, and how often people blink."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...curves import smoothstep

# One blink (Guitton et al. 1991; VanderWerf et al. 2003): the lid falls fast, rests shortly, rises twice as slowly.
BLINK_CLOSE, BLINK_HOLD, BLINK_OPEN = 0.080, 0.040, 0.160  # s
BLINK_LENGTH = BLINK_CLOSE + BLINK_HOLD + BLINK_OPEN
BLINK_INTERVAL = (2.0, 6.0)  # s from blink to blink
SHORT_CLIP = 3.0  # s; shorter ones have one blink at most


def blink_shape(time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lid closure 0..1 at `time` seconds after the lid begins to fall."""
    falling = smoothstep(time / BLINK_CLOSE)
    rising = np.clip((time - BLINK_CLOSE - BLINK_HOLD) / BLINK_OPEN, 0, 1)
    return falling * (1 - rising) ** 2 * (1 + 2 * rising)
