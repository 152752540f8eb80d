"""Upright square crops of a tilted face or eye, and the way back to the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SHARP_ENOUGH = 2.08  # shrinking further than this aliases with bilinear sampling: blur first
SIZES_PER_OCTAVE, PLACES_PER_SIDE, ANGLES_PER_RADIAN = 64, 256, 256  # the grid of `on_grid`
BLUR = 0.35  # Gaussian sigma per unit of shrinking


@dataclass(frozen=True)
class SquareCrop:
    """A square of the picture: centre (px), side (px), angle (radians, clockwise on screen), mirrored left-right or not."""

    centre: tuple[float, float]
    size: float
    angle: float = 0.0
    mirrored: bool = False

    def on_grid(self) -> SquareCrop:
        """The nearest crop of a coarse grid (1 % of size, 0.4 % of place, 0.2 degrees).

        Sampling rounds places to 1/32 px, so that crops which differ in their last digits alone, as those of two runtimes or machines do,
        would be measured differently by a hundredth of a pixel.  On a grid they are the same crop.
        """
        size = 2 ** (round(np.log2(self.size) * SIZES_PER_OCTAVE) / SIZES_PER_OCTAVE)
        step = size / PLACES_PER_SIDE
        x, y = (round(value / step) * step for value in self.centre)
        return SquareCrop((x, y), size, round(self.angle * ANGLES_PER_RADIAN) / ANGLES_PER_RADIAN, self.mirrored)

    def to_pixels(self, side: int) -> NDArray[np.float64]:
        """Affine [2, 3] from picture coordinates to those of the crop scaled to `side` pixels."""
        scale = side / self.size
        c, s = scale * np.cos(self.angle), scale * np.sin(self.angle)
        linear = np.array([[c, s], [-s, c]])
        shift = side / 2 - linear @ np.asarray(self.centre)
        matrix = np.column_stack([linear, shift])
        if self.mirrored:
            matrix[0] = -matrix[0]
            matrix[0, 2] += side
        return matrix

    def read(self, image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
        """The crop as RGB [side, side, 3], anti-aliased; beyond the picture its border is repeated."""
        matrix = self.to_pixels(side)
        shrink = self.size / side
        if shrink > SHARP_ENOUGH:
            image, offset = self._neighbourhood(image)
            matrix[:, 2] += matrix[:, :2] @ offset
            steps = int(shrink / 2)  # leaves a shrinking of 2 to 3 for the blur
            if steps > 1:
                image, shrink = _area_mean(image, steps), shrink / steps
                matrix[:, 2] += matrix[:, :2] @ np.full(2, (steps - 1) / 2)
                matrix[:, :2] *= steps
            image = cv2.GaussianBlur(image, (0, 0), BLUR * shrink, borderType=cv2.BORDER_REPLICATE)
        return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def to_picture(self, points: NDArray[np.floating], side: int) -> NDArray[np.float32]:
        """Points [..., 2 or 3] in the crop's pixels, back in the picture; z keeps its zero and takes the picture's scale."""
        inverse = cv2.invertAffineTransform(self.to_pixels(side))
        xy = points[..., :2] @ inverse[:, :2].T + inverse[:, 2]
        return np.concatenate([xy, points[..., 2:] * (self.size / side)], -1).astype(np.float32)

    def _neighbourhood(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """The part of the picture that the crop can see, so that blurring costs no more than the face is large."""
        reach = self.size * 0.75 + 8
        limit = np.array(image.shape[1::-1])
        low = np.clip(np.floor(np.asarray(self.centre) - reach), 0, limit - 1).astype(int)
        high = np.clip(np.ceil(np.asarray(self.centre) + reach), low + 1, limit).astype(int)
        return image[low[1] : high[1], low[0] : high[0]], low.astype(np.float64)


def _area_mean(image: NDArray[np.uint8], steps: int) -> NDArray[np.uint8]:
    """The mean of every steps x steps pixels; the border is repeated where the size is no multiple."""
    height, width = image.shape[:2]
    padded = cv2.copyMakeBorder(image, 0, -height % steps, 0, -width % steps, cv2.BORDER_REPLICATE)
    size = padded.shape[1] // steps, padded.shape[0] // steps
    return cv2.resize(padded, size, interpolation=cv2.INTER_AREA)


def as_batch(crops: list[NDArray[np.uint8]], low: float, high: float) -> NDArray[np.float32]:
    """RGB crops of one size as a batch [N, 3, side, side] with black at `low` and white at `high`."""
    pixels = np.stack(crops).transpose(0, 3, 1, 2).astype(np.float32, order="C")
    return pixels * np.float32((high - low) / 255) + np.float32(low)
