"""Sliding windows: how a clip of any length is shared out to a network that sees a fixed number of frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError

Windows = Callable[[int, int], Iterator[NDArray[np.int64]]]
"""windows(length, step) -> index arrays [frames]; together they hold every frame of the clip at least once."""


@dataclass(frozen=True)
class _Layout:
    """size: frames of a window.  overlap: frames that neighbours share, 0 to size - 1.

    shift: frames by which all windows move from one step to the next (time-aware shift: Sonic, section 3.4), so that
    seams never stay in one place and every frame comes to share a window with both of its sides.
    """

    size: int
    overlap: int = 0
    shift: int = 7

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.overlap < self.size:
            raise SettingsError(
                f"Windows of {self.size} frames that overlap by {self.overlap}: the overlap must be from 0 to "
                f"{max(self.size - 1, 0)} and a window at least 1 frame long."
            )

    @property
    def stride(self) -> int:
        return self.size - self.overlap


@dataclass(frozen=True)
class CircularWindows(_Layout):
    """Windows on a clip bent to a ring: always `size` frames, the last ones joined to the first ones.

    The layout of the published Sonic.  In a clip shorter than a window frames repeat inside it; the shift adds up over steps.
    """

    def __call__(self, length: int, step: int) -> Iterator[NDArray[np.int64]]:
        _check_length(length)
        for start in range(0, length, self.stride):
            yield (np.arange(self.size, dtype=np.int64) + start - step * self.shift) % length


@dataclass(frozen=True)
class OpenWindows(_Layout):
    """Windows on a clip with two ends: none holds both the first and the last frame unless the whole clip fits into it.

    A window that would stick out is pushed back inside, so all are `size` frames long (or the clip's length if that is less)
    and no frame is seen out of order or twice in one window.
    """

    def __call__(self, length: int, step: int) -> Iterator[NDArray[np.int64]]:
        _check_length(length)
        size = min(self.size, length)
        previous_end = 0
        for start in range(-self._offset(length, step), length, self.stride):
            if previous_end == length:
                return
            start = min(max(start, 0), length - size)
            if start + size > previous_end:
                previous_end = start + size
                yield np.arange(start, previous_end, dtype=np.int64)

    def _offset(self, length: int, step: int) -> int:
        """Frames by which the first window would stick out."""
        return step * self.shift % self.stride


@dataclass(frozen=True)
class FewestWindows(OpenWindows):
    """Open windows, never more of them than the clip's length needs where these reach beyond it by a shift or more.

    They move to and fro then by as much as they reach beyond it, and where two of them meet differs from step to step all the same.
    """

    def _offset(self, length: int, step: int) -> int:
        slack = -(length - self.overlap) % self.stride
        if slack < self.shift:
            return super()._offset(length, step)
        there_and_back = step * self.shift % (2 * slack)
        return min(there_and_back, 2 * slack - there_and_back)


def in_batches(windows: Iterable[NDArray[np.int64]], most: int) -> Iterator[NDArray[np.int64]]:
    """The windows, up to `most` of them stacked: [B, frames].  Those of one layout are all equally long."""
    waiting = iter(windows)
    while batch := list(islice(waiting, most)):
        yield np.stack(batch)


def _check_length(length: int) -> None:
    if length < 1:
        raise SettingsError(f"A clip of {length} frames cannot be sampled; it needs at least one.")
