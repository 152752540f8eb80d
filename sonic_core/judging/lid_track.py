"""Eyelids as finished frames show them: how far the eyes are open, and the blinks.

The face mesh hardly follows lids (a full blink dents its eyes by a tenth), so they are read by the eye network that reads the portrait.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..frames import Frame
from ..portrait.mesh import MeshFit, fit_eyes
from ..portrait.networks import FaceNetwork

# Points of the eye network's contour: its corners, the middle of the lower and of the upper lid.
CORNERS, LOWER, UPPER = (0, 8), slice(3, 6), slice(11, 14)
BASELINE = 0.6  # s: half the window of the usual opening
SHORTEST_BLINK, LONGEST_BLINK = 0.07, 0.5  # s that the lids stay under the threshold
# Measured on ten rendered clips and three with wild glances: blinks lower the lids by 39 to 90 %, nothing else by more than 14 %.
SMALLEST_DIP, DIP_OVER_UNREST = 0.25, 5.0  # of the usual opening; of the opening's robust deviation


class LidReader:
    """Called with a frame and its landmarks [468, 2 or 3]: height over width of the open eyes, mean of both; about 0.3, 0 = shut."""

    def __init__(self, network: FaceNetwork) -> None:
        self._network = network

    def __call__(self, frame: Frame, landmarks: NDArray[np.float32]) -> float:
        contours, _ = fit_eyes(self._network, frame, MeshFit(landmarks, 1.0))
        upper, lower = contours[:, UPPER].mean(axis=1), contours[:, LOWER].mean(axis=1)
        widths = np.hypot(*(contours[:, CORNERS[1]] - contours[:, CORNERS[0]]).T)
        return float(np.mean(np.hypot(*(lower - upper).T) / np.maximum(widths, 1.0)))


def find_blinks(lids: NDArray[np.floating], fps: float) -> tuple[int, ...]:
    """The frames in the middle of short dips of the opening `[T]` (NaN = not seen) under its running median.

    Longer dips are closed eyes or a glance down and are no blinks.
    """
    known = np.isfinite(lids)
    if not known.any():
        return ()
    whole = np.interp(np.arange(len(lids)), np.flatnonzero(known), lids[known])
    dip = 1 - whole / np.maximum(_running_median(whole, max(1, round(BASELINE * fps))), 1e-6)
    unrest = 1.4826 * float(np.median(np.abs(dip - np.median(dip))))
    shut = np.concatenate([[False], dip > max(SMALLEST_DIP, DIP_OVER_UNREST * unrest), [False]])
    starts, ends = np.flatnonzero(shut[1:] != shut[:-1]).reshape(-1, 2).T
    lengths = (ends - starts) / fps
    short = (lengths >= SHORTEST_BLINK) & (lengths <= LONGEST_BLINK)
    return tuple(((starts + ends - 1) // 2)[short].tolist())


def _running_median(values: NDArray[np.floating], reach: int) -> NDArray[np.floating]:
    return np.array([np.median(values[max(0, i - reach) : i + reach + 1]) for i in range(len(values))])
