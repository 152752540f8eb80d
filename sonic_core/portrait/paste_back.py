"""Paste-back: an animated crop returns into the picture it was cut from, at the picture's own resolution."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..compositing import straight
from ..curves import smoothstep
from ..resizing import resized
from .colour_match import Correction, fit_correction

FEATHER = 0.06  # of the crop's shorter side

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class PasteBack:
    """Puts animated frames of a crop back into the picture they were cut from.

    image: RGB uint8 [H, W, 3], even sizes.  box: the crop in it, x0, y0, x1, y1.  correction: change of the frames' colours and grain
    before they are blended in, None = none (see `matched`).  alpha: opacity of the picture, uint8 [H, W], None = it hides nothing.
    """

    image: NDArray[np.uint8]
    box: Box
    correction: Correction | None = None
    alpha: NDArray[np.uint8] | None = None

    def with_alpha(self) -> PasteBack:
        """The same for frames with opacity (RGBA, straight colours), which give whole pictures with opacity."""
        return self if self.alpha is None else replace(self, image=straight(self.image, self.alpha), alpha=None)

    def matched(self, first: NDArray[np.uint8]) -> PasteBack:
        """The same with the colours and the grain of frames like `first` brought to those of the picture.

        first: a frame in the picture's own pose.  The correction is fitted once and fixed, so that it cannot flicker.
        """
        x0, y0, x1, y1 = self.box
        return replace(self, correction=fit_correction(self._sized(first), self.image[y0:y1, x0:x1]))

    def stream(self, frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """Whole pictures for frames whose first one shows the picture's own pose: for engines that draw every pixel anew."""
        paste: PasteBack | None = None
        for frame in frames:
            paste = paste or self.matched(frame)
            yield paste.apply(frame)

    def apply(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The whole picture with `frame` (RGB uint8, any size) blended into the box; outside the box every bit is kept."""
        x0, y0, x1, y1 = self.box
        frame = self._in_place(frame)
        whole = self.image.copy()
        crop = whole[y0:y1, x0:x1]
        for part, weight in self._feather:
            change = frame[part].astype(np.float32) - crop[part]
            crop[part] = np.round(crop[part] + weight * change).astype(np.uint8)
        crop[self._inside] = frame[self._inside]
        return whole

    def _in_place(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The frame in the box's size and the picture's look; colours, which change slowly across it, are matched where it is smaller."""
        if self.correction is None:
            return self._sized(frame)
        x0, y0, x1, y1 = self.box
        if frame.shape[0] * frame.shape[1] < (y1 - y0) * (x1 - x0):
            return self.correction.add_grain(self._sized(self.correction.recolour(frame)))
        return self.correction.add_grain(self.correction.recolour(self._sized(frame)))

    def _sized(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        x0, y0, x1, y1 = self.box
        return frame if frame.shape[:2] == (y1 - y0, x1 - x0) else resized(frame, x1 - x0, y1 - y0)

    @cached_property
    def _widths(self) -> Box:
        """Feathered pixels at the left, top, right and bottom; none where the crop ends with the picture."""
        x0, y0, x1, y1 = self.box
        height, width = self.image.shape[:2]
        feather = round(FEATHER * min(x1 - x0, y1 - y0))
        left, top, right, bottom = (feather * inside for inside in (x0 > 0, y0 > 0, x1 < width, y1 < height))
        return left, top, right, bottom

    @cached_property
    def _inside(self) -> tuple[slice, slice]:
        x0, y0, x1, y1 = self.box
        left, top, right, bottom = self._widths
        return slice(top, y1 - y0 - bottom), slice(left, x1 - x0 - right)

    @cached_property
    def _feather(self) -> tuple[tuple[tuple[slice, slice], NDArray[np.float32]], ...]:
        """The four strips along the border and the weight [h, w, 1] of the frame in them."""
        x0, y0, x1, y1 = self.box
        left, top, right, bottom = self._widths
        columns = np.minimum(_rise(x1 - x0, left), _rise(x1 - x0, right)[::-1])
        rows = np.minimum(_rise(y1 - y0, top), _rise(y1 - y0, bottom)[::-1])
        weight = (rows[:, None] * columns)[..., None]
        inner_rows, inner_columns = self._inside
        everything = slice(None)
        strips = (
            (slice(0, inner_rows.start), everything),
            (slice(inner_rows.stop, None), everything),
            (inner_rows, slice(0, inner_columns.start)),
            (inner_rows, slice(inner_columns.stop, None)),
        )
        return tuple((strip, weight[strip]) for strip in strips if weight[strip].size)


def _rise(length: int, width: int) -> NDArray[np.float32]:
    """From 0 to 1 over `width` samples, smoothly, then 1."""
    rise = smoothstep((np.arange(length) + 0.5) / max(width, 1)) if width else np.ones(length)
    return rise.astype(np.float32)
