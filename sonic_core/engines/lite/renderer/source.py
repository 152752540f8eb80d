"""SourcePicture: the portrait prepared for sampling between its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import remap

DENSITY = 2  # samples per px of `doubled`
STRIP = 2**16
"""px of a frame that are sampled at once: what they show, four samples of four bytes each, stays in the cache."""
LOOKED_AT = 16  # px between places of a strip's edge
CACHE = 3 * 2**20  # bytes of a picture that stays in the cache by itself
_PLACES = np.arange(8) - 3.5
_BETWEEN = np.sinc(_PLACES) * np.sinc(_PLACES / 4)
_BETWEEN = (_BETWEEN / _BETWEEN.sum()).astype(np.float32)
"""Lanczos (a = 4) half-way between two samples."""
_AT = np.ones(1, np.float32)


@dataclass(frozen=True)
class SourcePicture:
    """image: RGB uint8 [H, W, 3].  doubled: RGBA, twice the size by Lanczos, the original samples at the even positions.

    Bilinear samples of `doubled` reproduce the image exactly at whole positions and come close to Lanczos quality between
    (a quarter-pixel shift: 44.1 dB against 39.5 of plain bilinear), at the price of bilinear.
    The fourth channel holds the opacity, or nothing: `cv2.remap` takes half the time for four channels that it takes for three.
    """

    image: NDArray[np.uint8]
    doubled: NDArray[np.uint8]

    @classmethod
    def of(cls, image: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None) -> SourcePicture:
        """image: with straight colours where there is opacity (alpha uint8 [H, W])."""
        image = np.ascontiguousarray(image)
        return cls(
            image, _doubled(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA) if alpha is None else np.dstack([image, alpha]))
        )

    @property
    def height(self) -> int:
        return self.image.shape[0]

    @property
    def width(self) -> int:
        return self.image.shape[1]

    def sample(self, positions: NDArray[np.float32]) -> NDArray[np.uint8]:
        """RGB uint8 at positions [h, w, 2], px of the image."""
        return cv2.cvtColor(self.sample_with_alpha(positions * np.float32(DENSITY)), cv2.COLOR_RGBA2RGB)

    def sample_with_alpha(self, positions: NDArray[np.float32]) -> NDArray[np.uint8]:
        """RGBA uint8 at positions [h, w, 2], px of `doubled`; colours are straight."""
        return remap(self.doubled, positions)

    def fill(self, frame: NDArray[np.uint8], matte: NDArray[np.uint8] | None, positions: NDArray[np.float32]) -> None:
        """`sample_with_alpha` of many rows, put into a frame [h, w, 3] and its opacity [h, w]."""
        height, width = positions.shape[:2]
        waits = self.doubled.nbytes >= CACHE
        rows = max(min(STRIP // max(width, 1), height) if waits else height, 1)
        sampled, read = np.empty((rows, width, 4), np.uint8), 0
        for top in range(0, height, rows):
            strip = np.s_[top : top + rows]
            if waits:
                read = self._read_ahead(positions[strip], read)
            seen = remap(self.doubled, positions[strip], sampled[: height - top])
            cv2.cvtColor(seen, cv2.COLOR_RGBA2RGB, dst=frame[strip])
            if matte is not None:
                matte[strip] = seen[..., 3]

    def _read_ahead(self, strip: NDArray[np.float32], read: int) -> int:
        """Bring what a strip shows into the processor's cache, from row `read` on; gives the row after the last one.

        A map that runs up and down along a row jumps between the rows of a picture that is larger than the cache, and waits for memory at
        every jump; row after row is read in half the time.  Bounds are near enough: nothing depends on them but time.
        """
        height, width = self.doubled.shape[:2]
        shown = strip[[0, -1], ::LOOKED_AT, 1]
        bounds = shown.min(), shown.max(), strip[:, 0, 0].min(), strip[:, -1, 0].max()
        if not np.isfinite(bounds).all():
            return read
        top, bottom, left, right = map(int, bounds)
        first, end, left, right = max(top, read, 0), min(bottom + 2, height), max(left, 0), min(right + 2, width)
        if first < end and left < right:
            cv2.norm(self.doubled[first:end, left:right], cv2.NORM_INF)
        return max(end, read)


def _doubled(whole: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA [2 H, 2 W, 4] of RGBA [H, W, 4].

    One filter per axis: a seventh of the time of `cv2.warpAffine`, which filters in both at once; values differ by 1 at most.
    """
    height, width = whole.shape[:2]
    doubled, values = np.empty((2 * height, 2 * width, 4), np.uint8), whole.astype(np.float32)
    pixels = doubled.view(np.uint32)[..., 0]  # four channels at once
    pixels[::2, ::2] = whole.view(np.uint32)[..., 0]
    for right, down, x, y in ((1, 0, _BETWEEN, _AT), (0, 1, _AT, _BETWEEN), (1, 1, _BETWEEN, _BETWEEN)):
        anchor = ((len(x) - 1) // 2, (len(y) - 1) // 2)
        made = cv2.sepFilter2D(values, cv2.CV_8U, x, y, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
        pixels[down::2, right::2] = made.view(np.uint32)[..., 0]
    return doubled
