"""Making picture and sound end together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from ..sonic_core.audio.clip import AudioClip
from ..sonic_core.audio.fit import fit_duration
from ..sonic_core.frames import Frame, FrameStream


def match_lengths(frames: FrameStream, audio: AudioClip, policy: str) -> tuple[FrameStream, AudioClip]:
    """Frames and sound of one length: trim = cut the longer, pad = hold the last frame or add silence, strict = unchanged.

    Within half a frame they count as equal.
    """
    if policy == "strict" or abs(audio.duration - frames.duration) <= 0.5 / frames.fps:
        return frames, audio
    count = audio.frame_count(frames.fps)
    if (policy == "trim") == (count < frames.length):
        return with_length(frames, count), audio
    return frames, fit_duration(audio, frames.duration, policy)


def with_length(frames: FrameStream, count: int) -> FrameStream:
    """The first `count` frames; the last one is held when there are fewer."""

    def fitted() -> Iterator[Frame]:
        frame, made = None, 0
        for frame in islice(frames, count):
            made += 1
            yield frame
        for _ in range(count - made):
            yield frame

    return replace(frames, length=count, start=fitted)
