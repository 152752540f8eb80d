"""The mp4 writer alone: a portrait that sways a little, at both advised sizes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from sonic_core.frames import FrameStream
from sonic_core.media.writer import write_video
from sonic_core.samples import PORTRAIT

from .table import Row

TITLE = "Writer (H.264 CRF 18, veryfast)"
FRAMES = 150
TARGETS = {512: 120.0}  # frames per second on two cores


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        return [row for side in (512, 1024) for row in measure_size(side, Path(name))]


def measure_size(side: int, folder: Path) -> list[Row]:
    frames = swaying_portrait(side)
    stream = FrameStream.from_array(frames, 25)
    wall, cpu = time.perf_counter(), time.process_time()
    path = write_video(stream, None, folder / f"{side}.mp4")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return [
        Row(f"{side}x{side}, frames per second of wall time", FRAMES / wall, "fps", TARGETS.get(side), at_least=True),
        Row(f"{side}x{side}, CPU time of a frame", 1000 * cpu / FRAMES, "ms"),
        Row(f"{side}x{side}, bit rate", path.stat().st_size * 8 / stream.duration / 1e6, "Mbit/s"),
    ]


def swaying_portrait(side: int) -> np.ndarray:
    """RGB uint8 [FRAMES, side, side, 3]."""
    picture = cv2.cvtColor(cv2.imread(str(PORTRAIT)), cv2.COLOR_BGR2RGB)
    picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
    turned = []
    for i in range(FRAMES):
        matrix = cv2.getRotationMatrix2D((side / 2, side * 0.6), 1.5 * np.sin(i / 9), 1 + 0.01 * np.sin(i / 7))
        turned.append(cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE))
    return np.stack(turned)
