"""Pictures for the portrait tests, made from the bundled portrait."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from sonic_core.portrait.head_pose import MIRROR_PAIRS
from sonic_core.portrait.portrait import Portrait, QualityReport

SAMPLE = Path(__file__).parents[2] / "sonic_core" / "samples" / "portrait.png"


@lru_cache(maxsize=1)
def sample() -> np.ndarray:
    """The bundled portrait, RGB uint8."""
    pixels = np.array(Image.open(SAMPLE).convert("RGB"))
    pixels.flags.writeable = False
    return pixels


def turned(image: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture turned counter-clockwise inside a grey square that holds all of it, and the affine map [2, 3] into it."""
    height, width = image.shape[:2]
    side = int(np.ceil(np.hypot(height, width)))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    matrix[:, 2] += [(side - width) / 2, (side - height) / 2]
    return cv2.warpAffine(image, matrix, (side, side), borderValue=(90, 90, 90)), matrix


def on_canvas(image: np.ndarray, height: int, width: int, x: int, y: int) -> np.ndarray:
    """The picture laid on a green, slightly noisy background."""
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    canvas = np.clip(noise + np.array([110, 135, 115]), 0, 255).astype(np.uint8)
    canvas[y : y + image.shape[0], x : x + image.shape[1]] = image
    return canvas


def plain_portrait(height: int, width: int, face_box: tuple[float, float, float, float]) -> Portrait:
    """A portrait whose mesh is a regular upright face inside the box, on random pixels: for tests of geometry alone."""
    rng = np.random.default_rng(1)
    x0, y0, x1, y1 = face_box
    landmarks = rng.uniform((x0, y0, -10), (x1, y1, 10), (468, 3)).astype(np.float32)
    landmarks[10], landmarks[152] = ((x0 + x1) / 2, y0, 0), ((x0 + x1) / 2, y1, 0)
    for pair in MIRROR_PAIRS:
        landmarks[pair] = (x0 + 1, (y0 + y1) / 2, 0), (x1 - 1, (y0 + y1) / 2, 0)
    report = QualityReport(x1 - x0, (x1 - x0) / 2, 0, 0, 0, 1, 0, 2, 1, min(x0, y0) / (x1 - x0))
    return Portrait(
        image=rng.integers(0, 256, (height, width, 3), np.uint8),
        alpha=None,
        landmarks=landmarks,
        eye_contours=rng.uniform(x0, x1, (2, 71, 2)).astype(np.float32),
        irises=rng.uniform(x0, x1, (2, 5, 2)).astype(np.float32),
        face_box=face_box,
        face_index=0,
        score=1.0,
        report=report,
        digest="0",
    )
