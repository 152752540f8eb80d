"""What frames and sound must be before and while they are used."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .audio.clip import AudioClip
from .audio.store import blocks_of
from .errors import AudioError, OutputError
from .frames import Frame, FrameStream

SLOWEST, FASTEST = 0.1, 1000.0
"""Frames per second that files can express and players show."""


def check_frames(frames: FrameStream) -> None:
    """OutputError when there are no frames, or their rate is none."""
    if len(frames) < 1 or min(frames.width, frames.height) < 2:
        raise OutputError(
            f"These frames cannot be used: {len(frames)} frames of {frames.width}x{frames.height} px; "
            "expected at least one frame of at least 2x2 px."
        )
    if not SLOWEST <= frames.fps <= FASTEST:
        raise OutputError(f"fps is {frames.fps}; expected {SLOWEST:g} to {FASTEST:g} frames per second.")


def check_sound(audio: AudioClip) -> None:
    """AudioError for a recording without samples, or with values that are no numbers: encoders fail at them, or write noise."""
    if not audio.samples.size:
        raise AudioError(f"{audio.name} has no samples. Use a recording with sound, or none for a silent video.")
    if not np.isfinite(sum(float(block.sum(dtype=np.float64)) for block in blocks_of(audio.samples))):
        raise AudioError(f"{audio.name} holds values that are no numbers (NaN or infinite). Load or make it anew.")


def checked(frames: FrameStream) -> Iterator[Frame]:
    """The stream's frames; OutputError as soon as one is not what the stream announced."""
    expected = (frames.height, frames.width, frames.channels)
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
