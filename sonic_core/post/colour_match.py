"""Colours and grain of generated frames brought to those of a photograph.

Means and deviations in Lab are matched region by region (Reinhard et al. 2001, "Color transfer between images", in a sliding Gaussian
window), within limits, and noise is added where the photograph has more of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

WINDOW = 0.12  # of the shorter side: sigma of a region
WORKING_SIDE = 256  # px; statistics of regions this large need no more
LIMITS = np.array([12.0, 8.0, 8.0], np.float32)  # Lab units by which a region's mean may move
GAIN_LIMIT = 1.25
SMALLEST_DEVIATION = 2.0  # Lab units; below it a region is flat and its contrast is left alone
NEGLIGIBLE_SHIFT, NEGLIGIBLE_GAIN = 0.5, 0.02
SMALLEST_GRAIN, LARGEST_GRAIN = 0.4, 6.0  # luma levels, 0-255
FLAT_SHARE = 0.3
GRAIN_SEED = 20_240_901


@dataclass(frozen=True)
class Correction:
    """What is done to each frame: Lab * gain + offset, then grain; None where there is nothing to do.

    gain, offset: float32 [h, w, 3] at low resolution.  grain: float32 [H, W], luma levels; it stands still like the photograph's own.
    """

    gain: NDArray[np.float32] | None
    offset: NDArray[np.float32] | None
    grain: NDArray[np.float32] | None

    def apply(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """frame: RGB uint8 [H, W, 3]; a new array."""
        height, width = frame.shape[:2]
        changed = frame.astype(np.float32)
        if self.gain is not None:
            lab = cv2.cvtColor(changed / 255, cv2.COLOR_RGB2LAB)
            gain, offset = (
                cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR) for field in (self.gain, self.offset)
            )
            changed = cv2.cvtColor(lab * gain + offset, cv2.COLOR_LAB2RGB) * 255
        if self.grain is not None:
            changed += self.grain[..., None]
        return np.clip(np.round(changed), 0, 255).astype(np.uint8)


def fit_correction(frame: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Correction | None:
    """What turns the look of `frame` into that of `reference`, both RGB uint8 of one size and showing the same; None for nothing."""
    gain, offset = _colours(frame, reference)
    if np.abs(offset + (gain - 1) * 50).max() < NEGLIGIBLE_SHIFT and np.abs(gain - 1).max() < NEGLIGIBLE_GAIN:
        gain = offset = None
    grain = _grain(frame, reference)
    return None if gain is None and grain is None else Correction(gain, offset, grain)


def _colours(frame: NDArray[np.uint8], reference: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Gain and offset [h, w, 3] of Lab."""
    scale = min(1.0, WORKING_SIDE / min(frame.shape[:2]))
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    sigma = WINDOW * min(size)
    (mean, deviation), (wanted_mean, wanted_deviation) = (
        _statistics(cv2.resize(image, size, interpolation=cv2.INTER_AREA), sigma) for image in (frame, reference)
    )
    gain = np.clip(
        np.maximum(wanted_deviation, SMALLEST_DEVIATION) / np.maximum(deviation, SMALLEST_DEVIATION),
        1 / GAIN_LIMIT,
        GAIN_LIMIT,
    )
    target = mean + np.clip(wanted_mean - mean, -LIMITS, LIMITS)
    return gain, target - gain * mean


def _statistics(image: NDArray[np.uint8], sigma: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation of Lab around every pixel."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    mean = cv2.GaussianBlur(lab, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    square = cv2.GaussianBlur(lab * lab, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return mean, np.sqrt(np.maximum(square - mean * mean, 0))


def _grain(frame: NDArray[np.uint8], reference: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Noise that the frame lacks, in luma levels; None when it lacks none."""
    flat = _flat(reference) & _flat(frame)
    missing = noise_level(reference, flat) ** 2 - noise_level(frame, flat) ** 2
    if missing < SMALLEST_GRAIN**2:
        return None
    noise = np.random.default_rng(GRAIN_SEED).standard_normal(frame.shape[:2]).astype(np.float32)
    return noise * np.float32(min(np.sqrt(missing), LARGEST_GRAIN))


def noise_level(image: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    """Standard deviation of the noise in luma, 0-255, from `where` (Immerkaer 1996, "Fast noise variance estimation")."""
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answer = np.abs(cv2.filter2D(luma, -1, kernel))[where]
    return float(np.sqrt(np.pi / 2) * answer.mean() / 6) if len(answer) else 0.0


def _flat(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The part of the picture with the least structure."""
    luma = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 2)
    slope = np.hypot(cv2.Sobel(luma, -1, 1, 0), cv2.Sobel(luma, -1, 0, 1))
    return slope <= np.quantile(slope, FLAT_SHARE)
