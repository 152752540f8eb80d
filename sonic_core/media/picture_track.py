"""The picture of a video file: RGB or RGBA frames in, packets of BT.709 out, 4:2:0 where the codec is no master's."""

from __future__ import annotations

import os
from typing import Any, cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from ..frames import Frame, FrameStream, exact_rate
from ..threads import share_of_cores, usual_scheduling
from .encoders import choose_encoder
from .encoding import Encoding
from .yuv import yuv420_of

# BT.709 and limited range, by their numbers in H.273 (matrix, primaries and transfer are all 1); ranges as FFmpeg counts them.
BT709 = 1
LIMITED_RANGE = 1
# Names and not numbers: the one way that every PyAV from 14 on understands.  AREA: mean of the four pixels that share a chroma sample.
TO_BT709: dict[str, Any] = {
    "interpolation": "AREA",
    "dst_colorspace": "ITU709",
    "src_color_range": "JPEG",
    "dst_color_range": "MPEG",
}
QUICK_PRESETS, SMALL, FEW_CORES = ("ultrafast", "superfast", "veryfast"), 500_000, 2
"""x264 at these presets has one thread for costly frames of fewer pixels, and on so few cores.  Three threads cost CPU time (4 to 7 % of a
whole clip), memory (16 MB at 512 px) and, since drawing wants the cores, even time by the clock (8 % at 512 px).
"""


class PictureTrack:
    """The one video stream of a container, coded as `codec` (a key of encoders.ENCODERS)."""

    def __init__(self, container: OutputContainer, frames: FrameStream, encoding: Encoding, codec: str) -> None:
        rate = exact_rate(frames.fps)
        grow = encoding.even == "pad"
        width, height = (side + side % 2 if grow else side - side % 2 for side in (frames.width, frames.height))
        encoder = choose_encoder(codec, encoding, width, height, rate)
        stream = cast(VideoStream, container.add_stream(encoder.name, rate=rate))
        context = cast(VideoCodecContext, stream.codec_context)
        stream.width, stream.height = width, height
        stream.pix_fmt = encoder.form(frames.has_alpha)
        stream.options = dict(encoder.options(encoding))
        if encoder.tag and container.format.name == "mp4":
            context.codec_tag = encoder.tag
        context.time_base = 1 / rate
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        # PyAV asks for threads by slices; x264 then cuts every picture into as many as there are cores, which costs speed and bits.
        context.thread_type = "AUTO"
        context.thread_count = _threads(encoder.name, encoding.preset, width * height, frames.costly)
        self.stream, self.given = stream, "rgba" if frames.has_alpha else "rgb24"
        self.reformatter = VideoReformatter()
        self.count = 0

    def encode(self, frame: Frame) -> list[av.Packet]:
        picture = self._converted(_fit(frame, self.stream.width, self.stream.height))
        picture.pts = self.count
        picture.time_base = self.stream.codec_context.time_base
        self.count += 1
        if self.count > 1:
            return self.stream.encode(picture)
        with usual_scheduling():  # the first one opens the encoder
            return self.stream.encode(picture)

    def _converted(self, frame: Frame) -> av.VideoFrame:
        """In the form that the encoder takes."""
        if (self.given, self.stream.pix_fmt) == ("rgb24", "yuv420p"):
            return yuv420_of(frame)
        picture = av.VideoFrame.from_ndarray(frame, format=self.given)
        return self.reformatter.reformat(picture, format=self.stream.pix_fmt, **TO_BT709)

    def remaining(self) -> list[av.Packet]:
        return self.stream.encode(None)


def _threads(encoder: str, preset: str, pixels: int, costly: bool) -> int:
    """Threads for an encoder; 0 = FFmpeg's own choice."""
    share = share_of_cores()
    few = pixels < SMALL or (share or os.cpu_count() or 1) <= FEW_CORES
    return 1 if costly and few and encoder == "libx264" and preset in QUICK_PRESETS else share


def _fit(frame: Frame, width: int, height: int) -> Frame:
    """Cut or repeat the last row and column, so that the frame is `width` x `height`."""
    frame = frame[:height, :width]
    missing = (height - frame.shape[0], width - frame.shape[1])
    if any(missing):
        frame = np.pad(frame, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return np.ascontiguousarray(frame)
