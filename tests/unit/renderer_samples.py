"""The bundled portrait, close up, with its renderer, and an independent meter of the lip gap for the renderer's tests."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETERS
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.engines.lite.renderer.head import head_frame
from sonic_core.portrait.analysis import analyse
from sonic_core.portrait.loading import load_picture
from sonic_core.portrait.networks import load_networks
from sonic_core.portrait.portrait import Portrait
from sonic_core.samples import PORTRAIT

FACE = np.s_[0:480, 32:512]  # of the bundled picture: head and shoulders


@lru_cache
def closeup(size: int = 512) -> Portrait:
    """The face of the bundled picture as a square portrait."""
    picture = load_picture(PORTRAIT).image[FACE]
    return portrait_of(cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC))


def portrait_of(image: NDArray[np.uint8]) -> Portrait:
    return analyse(load_networks(), load_picture(image), 0, "test")


@lru_cache
def renderer() -> PortraitRenderer:
    return PortraitRenderer(closeup())


def speech_track(frames: int = 50) -> NDArray[np.float32]:
    """Mouth shapes, blinks, gaze and head motion changing at the rates of speech: [frames, parameters] at 25 fps."""
    t = np.arange(frames) / 25
    values = {
        "jaw": 0.25 + 0.25 * np.sin(2 * np.pi * 3.1 * t),
        "pucker": np.clip(np.sin(2 * np.pi * 1.3 * t), 0, 1),
        "stretch": 0.7 * np.clip(-np.sin(2 * np.pi * 1.3 * t), 0, 1),
        "close": np.clip(3 * np.sin(2 * np.pi * 1.9 * t) - 2, 0, 1),
        "press": 0.7 * np.clip(3 * np.sin(2 * np.pi * 1.9 * t) - 2, 0, 1),
        "rest": np.full(frames, 0.45),
        "lowdep": np.full(frames, 0.2),
        "blink_l": np.clip(2 * np.sin(2 * np.pi * 0.9 * t) - 1, 0, 1),
        "blink_r": np.clip(2 * np.sin(2 * np.pi * 0.9 * t) - 1, 0, 1),
        "brow": 0.3 * np.sin(t),
        "gaze_x": 0.4 * np.sin(2 * t),
        "yaw": 4 * np.sin(1.4 * t),
        "pitch": 3 * np.sin(2 * t),
        "roll": 2 * np.cos(t),
        "tx": 0.02 * np.sin(t),
    }
    track = np.zeros((frames, len(PARAMETERS)), np.float32)
    for name, curve in values.items():
        track[:, PARAMETER_INDEX[name]] = curve
    return track


def lip_gap(frame: NDArray[np.uint8], closed: NDArray[np.uint8], portrait: Portrait) -> float:
    """Lip gap in IOD, from pixels alone: the run, down the middle of the mouth, whose colour is foreign to the closed lips.

    The run must begin near the mesh's lip line and have lip on both sides.  Median of five columns.
    """
    iod = head_frame(portrait.landmarks).iod
    points = portrait.landmarks[:, :2].astype(float)
    right, left = points[61], points[291]
    along = (left - right) / np.linalg.norm(left - right)
    down = np.array([-along[1], along[0]])
    half = np.linalg.norm(left - right) / 2
    seam = float((points[[13, 14]].mean(0) - (right + left) / 2) @ down)
    step = 0.5
    b = np.arange(-0.35 * iod, 0.6 * iod, step)
    gaps = []
    for a in np.linspace(-0.28, 0.28, 5) * half:
        x, y = ((right + left) / 2)[:, None] + along[:, None] * a + down[:, None] * b
        shown, lips = (_lab_along(picture, x, y, iod) for picture in (frame, closed))
        lips = lips[np.abs(b - seam) < 0.07 * iod]
        distance = np.sqrt(((shown[:, None] - lips[None]) ** 2).sum(2)).min(1)
        foreign = np.convolve(distance > 9, np.ones(3) / 3, "same") > 0.5
        gaps.append(_bounded_run(foreign, b, seam, 0.10 * iod, int(0.025 * iod / step)) * step / iod)
    return float(np.median(gaps))


def _lab_along(picture: NDArray[np.uint8], x: NDArray, y: NDArray, iod: float) -> NDArray[np.float32]:
    soft = cv2.GaussianBlur(picture, (0, 0), max(0.008 * iod, 0.4))
    colors = cv2.remap(soft, x.astype(np.float32)[None], y.astype(np.float32)[None], cv2.INTER_LINEAR)
    return cv2.cvtColor(colors.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]


def _bounded_run(foreign: NDArray[np.bool_], b: NDArray, seam: float, reach: float, lip: int) -> int:
    """Longest foreign run that begins within `reach` of the seam and has `lip` samples of lip on either side."""
    edges = np.flatnonzero(np.diff(np.r_[0, foreign.astype(int), 0]))
    best = 0
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        bounded = start >= lip and end + lip < len(foreign)
        lips = np.r_[foreign[max(start - lip, 0) : start], foreign[end : end + lip]]
        if bounded and abs(b[start] - seam) < reach and not lips.any():
            best = max(best, end - start)
    return best
