"""A finished video, or folder of pictures, as a stream of frames again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import OutputError
from ..frames import Frame, FrameStream
from ..opening import opened
from .probe import probe


def read_frames(path: Path) -> FrameStream:
    """RGB frames of the first video stream, or of a PNG sequence, decoded anew at every pass.  Raises OutputError when there is none."""
    video = probe(path)
    if not video.frames or not video.fps:
        raise OutputError(f"{path} holds no picture. Expected a video file.")

    def pictures() -> Iterator[Frame]:
        for file in sorted(path.glob("*.png")):
            with Image.open(file) as picture:
                yield np.asarray(picture.convert("RGB"))

    def start() -> Iterator[Frame]:
        with opened(path, OutputError, "Expected a video file.") as container:
            for frame in islice(container.decode(video=0), video.frames):
                yield np.asarray(
                    frame.to_ndarray(format="rgb24", src_colorspace="ITU709", interpolation="BILINEAR"), np.uint8
                )

    return FrameStream(video.frames, video.width, video.height, video.fps, pictures if path.is_dir() else start)
