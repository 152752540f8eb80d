"""A finished video, or folder of pictures, as a stream of frames again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext

from ..compositing import over
from ..errors import OutputError
from ..frames import Frame, FrameStream
from ..opening import opened
from ..png_files import read_png
from .probe import probe

EXPECTED = "Expected a video file, or a folder of frames as PNG."
ALPHA_DECODERS = {"vp9": "libvpx-vp9", "libvpx-vp9": "libvpx-vp9"}
"""FFmpeg's own VP9 decoder leaves the opacity out."""


def read_frames(path: Path) -> FrameStream:
    """Frames of the first video stream, or of a PNG sequence, decoded anew at every pass; RGBA where the file is transparent.

    Raises OutputError when there is none, and for a PNG that cannot be read.
    """
    video = probe(path)
    if not video.frames or not video.fps:
        raise OutputError(f"{path} holds no picture. {EXPECTED}")
    channels = 4 if video.transparent else 3

    def pictures() -> Iterator[Frame]:
        for file in sorted(path.glob("*.png")):
            pixels, _ = read_png(file, OutputError, EXPECTED)
            yield _with_channels(pixels, channels)

    def start() -> Iterator[Frame]:
        form = "rgba" if video.transparent else "rgb24"
        with opened(path, OutputError, EXPECTED) as container:
            for frame in islice(_decoded(container, video.transparent), video.frames):
                yield np.asarray(
                    frame.to_ndarray(format=form, src_colorspace="ITU709", interpolation="BILINEAR"), np.uint8
                )

    return FrameStream(
        video.frames, video.width, video.height, video.fps, pictures if path.is_dir() else start, channels
    )


def _decoded(container: InputContainer, transparent: bool) -> Iterator[av.VideoFrame]:
    stream = container.streams.video[0]
    name = ALPHA_DECODERS.get(stream.codec_context.name) if transparent else None
    if name is None:
        yield from container.decode(stream)
        return
    decoder = cast(VideoCodecContext, av.CodecContext.create(name, "r"))
    for packet in container.demux(stream):
        yield from decoder.decode(packet)


def _with_channels(pixels: Frame, channels: int) -> Frame:
    """Pictures of one sequence may be saved with and without opacity by other programs."""
    if pixels.shape[2] == channels:
        return pixels
    return over(pixels) if channels == 3 else np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
