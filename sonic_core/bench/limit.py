"""The limit: what no engine that moves a picture can save. One remap, RGB to YUV, x264 on one thread, and nothing around them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import exact_rate
from ..media.encoding import Encoding

SWAY = 0.01  # of the picture's side: as much as a head moves that speaks
BREATH = 9.0  # frames in which that turns by a radian


def limit_seconds(frames: NDArray[np.uint8], fps: float) -> float:
    """CPU seconds of a frame of this very video.  frames: RGB uint8 [T, H, W, 3], even sides."""
    usual = Encoding()
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = frames.shape[1:3]
    encoder.pix_fmt, encoder.thread_count, encoder.time_base = "yuv420p", 1, 1 / exact_rate(fps)
    encoder.options = {"crf": str(usual.crf), "preset": usual.preset}
    # Sampling four channels takes OpenCV half the time of three.
    source = cv2.cvtColor(np.ascontiguousarray(frames[0]), cv2.COLOR_RGB2RGBA)
    x, y = next(_maps(encoder.width, encoder.height, 1))
    start = time.process_time()
    for index, frame in enumerate(frames):
        cv2.remap(source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        planes = av.VideoFrame.from_ndarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
        planes.pts = index
        encoder.encode(planes)
    encoder.encode(None)
    return (time.process_time() - start) / len(frames)


def swayed(picture: NDArray[np.uint8], frames: int) -> NDArray[np.uint8]:
    """The picture moved so: RGB uint8 [frames, H, W, 3]."""
    maps = _maps(picture.shape[1], picture.shape[0], frames)
    return np.stack([cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for x, y in maps])


def _maps(width: int, height: int, frames: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Where each pixel comes from, frame by frame: a bump in the middle that sways, as a head does."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bump = np.exp(-(((x - width / 2) / (width / 4)) ** 2) - ((y - height / 2) / (height / 3)) ** 2).astype(np.float32)
    for index in range(frames):
        turn = 1 + index / BREATH
        yield (
            x + np.float32(SWAY * width * np.sin(turn)) * bump,
            y + np.float32(SWAY / 2 * height * np.sin(1.7 * turn)) * bump,
        )
