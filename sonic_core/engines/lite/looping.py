"""Clips that begin and end in the picture's own pose, so that they repeat and join without a jump."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .parameters import PARAMETER_INDEX, neutral

EASE = 0.6
"""s that head, brows, gaze and expression take from the picture's pose and back to it."""
EASE_MOUTH = 0.12
"""s of the same for the mouth: what is said there stays readable."""
MOUTH = ("jaw", "close", "rest", "press", "pucker", "stretch", "upraise", "lowdep", "fv", "tongue")


def begun_and_ended_at_rest(track: NDArray[np.float32], fps: float) -> NDArray[np.float32]:
    """Motion track `[T, P]` whose first and last rows are the picture itself (a new array); between them it is eased in and out.

    The ease is a raised cosine, whose speed is 0 at both ends; in a clip shorter than two eases each takes half of it.
    """
    still = neutral()
    share = np.repeat(_envelope(len(track), EASE * fps)[:, None], track.shape[1], axis=1)
    columns = [PARAMETER_INDEX[name] for name in MOUTH]
    share[:, columns] = _envelope(len(track), EASE_MOUTH * fps)[:, None]
    return (still + share * (track - still)).astype(np.float32)


def _envelope(length: int, ease: float) -> NDArray[np.float64]:
    """0 at the first and last of `length` frames, 1 from `ease` frames on."""
    ease = max(1.0, min(ease, (length - 1) / 2))
    from_edge = np.minimum(np.arange(length), np.arange(length)[::-1])
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(from_edge / ease, 0, 1))
