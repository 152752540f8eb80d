"""sRGB <-> linear light through look-up tables: everything that is blended is blended as light, not as pixel values."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ....lab import GAMMA, LIGHT_KNEE, LIGHTS, OFFSET, SLOPE, lab_of_srgb

# Luminance of linear RGB (ITU-R BT.709).
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)

_l = np.arange(4096) / 4095.0
_signal = np.where(_l <= LIGHT_KNEE, _l * SLOPE, (1 + OFFSET) * _l ** (1 / GAMMA) - OFFSET)
_TO_SRGB = np.clip(_signal * 255 + 0.5, 0, 255).astype(np.uint8)


def to_linear(srgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """sRGB uint8 -> linear float32, 0 to 1.  Round trips through `to_srgb` exactly."""
    return LIGHTS[srgb]


def to_srgb(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Linear float -> sRGB uint8."""
    return _TO_SRGB[np.clip(linear * 4095 + 0.5, 0, 4095).astype(np.uint16)]


def linear_planes(srgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """sRGB uint8 [h, w, 3] -> linear planes float32 [3, h, w], 0 to 1.

    What weighs a colour, [h, w], then meets rows of it: five times as fast as [h, w, 1] beside colours of three values.
    """
    planes = np.empty((3, *srgb.shape[:2]), np.float32)
    for plane, values in zip(planes, cv2.split(srgb), strict=True):
        cv2.LUT(values, LIGHTS, dst=plane)
    return planes


def srgb_of_planes(planes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Linear planes [3, h, w] -> sRGB uint8 [h, w, 3]."""
    return cv2.merge(list(to_srgb(planes)))


def luminance(linear: NDArray[np.floating]) -> NDArray[np.floating]:
    """Linear RGB [..., 3] -> luminance [...]."""
    return linear @ LUMINANCE


def luminance_of_planes(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear planes [3, h, w] -> luminance [h, w]."""
    return np.tensordot(LUMINANCE, planes, 1)


def to_lab(srgb: NDArray[np.uint8] | NDArray[np.float32], blur: float = 0.0) -> NDArray[np.float32]:
    """sRGB picture (0 to 255) -> CIE Lab float32 (L 0 to 100); blur: sigma in px of a Gaussian applied first."""
    if blur > 0:
        srgb = cv2.GaussianBlur(srgb, (0, 0), blur)
    return lab_of_srgb(srgb if srgb.dtype == np.uint8 else srgb.astype(np.float32) / np.float32(255))


def lab_of(linear: NDArray[np.floating]) -> NDArray[np.float32]:
    """Linear RGB colours [..., 3] -> CIE Lab, same shape."""
    flat = to_srgb(np.asarray(linear, np.float32)).reshape(-1, 1, 3)
    return to_lab(flat).reshape(np.shape(linear))
