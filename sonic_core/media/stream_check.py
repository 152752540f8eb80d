"""What a stream must be before and while it is written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import OutputError
from ..frames import Frame, FrameStream


def check_not_empty(frames: FrameStream) -> None:
    """OutputError when there is nothing to write."""
    if len(frames) < 1 or min(frames.width, frames.height) < 2:
        raise OutputError(
            f"There is nothing to write: {len(frames)} frames of {frames.width}x{frames.height} px; "
            "expected at least one frame of at least 2x2 px."
        )
    if not frames.fps > 0:
        raise OutputError(f"fps is {frames.fps}; expected more than 0 frames per second.")


def checked(frames: FrameStream) -> Iterator[Frame]:
    """The stream's frames; OutputError as soon as one is not what the stream announced."""
    expected = (frames.height, frames.width, 3)
    seen = 0
    for frame in frames:
        seen += 1
        if seen > len(frames):
            break
        if frame.shape != expected or frame.dtype != np.uint8:
            raise OutputError(
                f"Frame {seen} is {frame.dtype} {list(frame.shape)}; expected uint8 {list(expected)} like the others. "
                "All frames of a video have one size."
            )
        yield frame
    if seen != len(frames):
        raise OutputError(f"{len(frames)} frames were announced but {'more' if seen > len(frames) else seen} came.")
