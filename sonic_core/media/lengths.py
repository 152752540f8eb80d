"""Making picture and sound end together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from ..audio.clip import AudioClip
from ..audio.store import with_silence
from ..errors import DurationMismatchError
from ..frames import Frame, FrameStream

# Recordings that end exactly between two frames.
GRACE = 1e-3  # s


def match_lengths(frames: FrameStream, audio: AudioClip | None, policy: str) -> tuple[FrameStream, AudioClip | None]:
    """Frames and sound of one length; within half a frame they count as equal.

    strict: DurationMismatchError when they differ.  trim: the longer is cut.  pad: the last frame is held or silence added.
    """
    if audio is None or abs(audio.duration - frames.duration) <= 0.5 / frames.fps + GRACE:
        return frames, audio
    if policy == "strict":
        raise DurationMismatchError(
            f"The picture is {frames.duration:.3f} s ({len(frames)} frames at {frames.fps:g} fps) but {audio.name} is "
            f"{audio.duration:.3f} s; expected the same within half a frame. Trim or pad the sound, make "
            f"{audio.frame_count(frames.fps)} frames, or choose length 'trim' or 'pad'."
        )
    count = audio.frame_count(frames.fps)
    if (policy == "trim") == (count < frames.length):
        return with_length(frames, count), audio
    return frames, lasting(audio, frames.duration)


def with_length(frames: FrameStream, count: int) -> FrameStream:
    """The first `count` frames; the last one is held when there are fewer."""

    def fitted() -> Iterator[Frame]:
        made = 0
        frame: Frame | None = None
        for frame in islice(frames, count):
            made += 1
            yield frame
        for _ in range(count - made):
            assert frame is not None  # a stream has at least one
            yield frame

    return replace(frames, length=count, start=fitted)


def lasting(audio: AudioClip, seconds: float) -> AudioClip:
    """The recording cut to `seconds`, or followed by silence until then."""
    length = round(seconds * audio.rate)
    samples = audio.samples[:, :length]
    if samples.shape[1] < length:
        return audio.with_samples(
            with_silence(samples, length), f"{audio.name} was padded with silence to {seconds:.2f} s."
        )
    return audio.with_samples(samples, f"{audio.name} was cut from {audio.duration:.2f} s to {seconds:.2f} s.")
