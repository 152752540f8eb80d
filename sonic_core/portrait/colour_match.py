"""Colours and grain of generated frames brought to those of a photograph.

Means and deviations in Lab are matched region by region (Reinhard et al. 2001, "Color transfer between images", in a sliding Gaussian
window), within limits, and noise as strong and as coarse as its own is added when the photograph has more of it.
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
GRAIN_BAND = 2.0  # px: sigma; what is coarser than this is picture, not grain
GRAIN_SIZES = (
    0.0,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    1.0,
    1.2,
    1.5,
)  # px: sigma of the blur that gives white noise the photograph's coarseness
SAMPLE = 256  # px: side of the noise on which a size is tried
GRAIN_SEED = 20_240_901


@dataclass(frozen=True)
class Correction:
    """What is done to each frame: Lab * gain + offset, then grain; None where there is nothing to do.

    gain, offset: [h, w, 3] at low resolution.  grain: int16 [H, W, 3], levels; it stands still like the photograph's own.
    """

    gain: NDArray[np.floating] | None
    offset: NDArray[np.floating] | None
    grain: NDArray[np.int16] | None

    def recolour(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """frame: RGB uint8 [h, w, 3] of any size; a new array, or the frame itself where its colours are right."""
        if self.gain is None:
            return frame
        height, width = frame.shape[:2]
        gain, offset = (
            cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR) for field in (self.gain, self.offset)
        )
        lab = cv2.cvtColor(cv2.multiply(frame, 1 / 255, dtype=cv2.CV_32F), cv2.COLOR_RGB2LAB)
        lab *= gain
        lab += offset
        return cv2.multiply(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 255.0, dtype=cv2.CV_8U)

    def add_grain(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """frame: RGB uint8 [H, W, 3] in the size that the correction was fitted for."""
        return frame if self.grain is None else cv2.add(frame, self.grain, dtype=cv2.CV_8U)


def fit_correction(frame: NDArray[np.uint8], reference: NDArray[np.uint8]) -> Correction | None:
    """What turns the look of `frame` into that of `reference`, both RGB uint8 of one size and showing the same; None for nothing."""
    gain, offset = _colours(frame, reference)
    if np.abs(offset + (gain - 1) * 50).max() < NEGLIGIBLE_SHIFT and np.abs(gain - 1).max() < NEGLIGIBLE_GAIN:
        grain = _grain(frame, reference)
        return None if grain is None else Correction(None, None, grain)
    return Correction(gain, offset, _grain(frame, reference))


def _colours(
    frame: NDArray[np.uint8], reference: NDArray[np.uint8]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
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


def _grain(frame: NDArray[np.uint8], reference: NDArray[np.uint8]) -> NDArray[np.int16] | None:
    """Noise that the frame lacks, as coarse as the reference's and alike in all channels; None when it lacks none."""
    flat = _flat(reference) & _flat(frame)
    wanted, fineness = _noise(_luma(reference), flat)
    missing = wanted**2 - _noise(_luma(frame), flat)[0] ** 2
    if missing < SMALLEST_GRAIN**2:
        return None
    rng = np.random.default_rng(GRAIN_SEED)
    noise = rng.standard_normal(frame.shape[:2]).astype(np.float32)
    sample = noise[:SAMPLE, :SAMPLE]
    everywhere = np.ones(sample.shape, bool)
    size = min(GRAIN_SIZES, key=lambda size: abs(_noise(_coarse(sample, size), everywhere)[1] - fineness))
    gain = min(np.sqrt(missing), LARGEST_GRAIN) / _noise(_coarse(sample, size), everywhere)[0]
    levels = np.rint(_coarse(noise, size) * np.float32(gain)).astype(np.int16)
    return cv2.merge([levels] * 3)


def _coarse(noise: NDArray[np.float32], size: float) -> NDArray[np.float32]:
    return cv2.GaussianBlur(noise, (0, 0), size) if size else noise


def _noise(luma: NDArray[np.float32], where: NDArray[np.bool_]) -> tuple[float, float]:
    """Standard deviation of what is finer than GRAIN_BAND, and how fine it is: the deviation of its finest part over all of it."""
    if not where.any():
        return 0.0, 0.0
    residual = luma - cv2.GaussianBlur(luma, (0, 0), GRAIN_BAND)
    all_of_it = 1.4826 * float(np.median(np.abs(residual[where])))
    return all_of_it, _finest(luma, where) / max(all_of_it, 1e-6)


def noise_level(image: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    """Standard deviation of the finest noise in luma, 0-255, from `where` (Immerkaer 1996, "Fast noise variance estimation")."""
    return _finest(_luma(image), where)


def _finest(luma: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answer = np.abs(cv2.filter2D(luma, -1, kernel))[where]
    return float(np.sqrt(np.pi / 2) * answer.mean() / 6) if len(answer) else 0.0


def _luma(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _flat(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The part of the picture with the least structure."""
    luma = cv2.GaussianBlur(_luma(image), (0, 0), 2)
    slope = np.hypot(cv2.Sobel(luma, -1, 1, 0), cv2.Sobel(luma, -1, 0, 1))
    return slope <= np.quantile(slope, FLAT_SHARE)
