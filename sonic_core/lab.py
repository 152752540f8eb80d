"""CIE Lab of sRGB pictures (IEC 61966-2-1, CIE 15; white D65), in the ranges of OpenCV.

OpenCV fills tables of Lab before its first conversion, which takes as long as drawing a second of video: too long for the few pictures that
a portrait is measured by.  These formulas are within 1e-3 of exact ones; OpenCV's tables are up to 0.6 off.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

AT_ONCE = 2**15  # px: what the steps between need stays in the cache
WHITE = np.array([0.950456, 1.0, 1.088754])
TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_TO_WHITES = TO_XYZ / WHITE[:, None]
_FROM_WHITES = np.linalg.inv(_TO_WHITES)

# sRGB's straight part: up to so much of the signal, of the light, and its slope; its curve.
SIGNAL_KNEE, LIGHT_KNEE, SLOPE, OFFSET, GAMMA = 0.04045, 0.0031308, 12.92, 0.055, 2.4
_signal = np.arange(256) / 255
LIGHTS = np.where(_signal <= SIGNAL_KNEE, _signal / SLOPE, ((_signal + OFFSET) / (1 + OFFSET)) ** GAMMA).astype(
    np.float32
)
"""Linear light, 0 to 1, of each 8-bit signal."""
# Lab's straight part, likewise.
ROOT_KNEE, ROOT_SLOPE, ROOT_OFFSET = 0.008856, 7.787, 16 / 116
# From the three roots, of X, Y and Z over those of white, to L, a and b; and back.
_FROM_ROOTS = np.array([[0, 116, 0, -16], [500, -500, 0, 0], [0, 200, -200, 0]], float)
_TO_ROOTS = np.array([[1 / 116, 1 / 500, 0, 16 / 116], [1 / 116, 0, 0, 16 / 116], [1 / 116, 0, -1 / 200, 16 / 116]])


def lab_of_srgb(picture: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB [h, w, 3], uint8 or float32 from 0 to 1, what lies outside cut off -> L 0 to 100, a and b about -100 to 100."""
    lab, rows = np.empty(picture.shape, np.float32), max(AT_ONCE // max(picture.shape[1], 1), 1)
    for top in range(0, len(picture), rows):
        lab[top : top + rows] = _lab(picture[top : top + rows])
    return lab


def _lab(picture: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    light = cv2.LUT(picture, LIGHTS) if picture.dtype == np.uint8 else _light(np.clip(picture, 0, 1))
    light = cv2.transform(light, _TO_WHITES)
    roots = cv2.pow(light, 1 / 3)
    dark = light <= ROOT_KNEE
    if dark.any():
        roots[dark] = light[dark] * np.float32(ROOT_SLOPE) + np.float32(ROOT_OFFSET)
    return cv2.transform(roots, _FROM_ROOTS)


def srgb_of_lab(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """The way back: sRGB [h, w, 3], 0 to 1; colours that sRGB cannot show are cut off."""
    roots = cv2.transform(lab, _TO_ROOTS)
    light = np.maximum(roots, 0) ** 3
    dark = light <= ROOT_KNEE
    if dark.any():
        light[dark] = (roots[dark] - np.float32(ROOT_OFFSET)) * np.float32(1 / ROOT_SLOPE)
    light = np.clip(cv2.transform(light, _FROM_WHITES), 0, 1)
    signal = cv2.pow(light, 1 / GAMMA) * np.float32(1 + OFFSET) - np.float32(OFFSET)
    np.multiply(light, np.float32(SLOPE), out=signal, where=light <= LIGHT_KNEE)
    return signal


def _light(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB 0 to 1, [h, w, 3], as linear light."""
    light = cv2.pow((signal + np.float32(OFFSET)) * np.float32(1 / (1 + OFFSET)), GAMMA)
    return np.multiply(signal, np.float32(1 / SLOPE), out=light, where=signal <= SIGNAL_KNEE)
