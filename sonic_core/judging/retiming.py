"""Moving sound or frames in time so that an offset goes away, one that stays or one that grows: block by block, nothing is held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..audio.clip import AudioClip
from ..frames import Frame, FrameStream
from ..media.speed import BLOCK, at_speed


@dataclass(frozen=True)
class Correction:
    """What is to be taken away.

    late_ms: how late the sound is at time 0 (negative: early).  growth: seconds that the lateness grows by in a second.
    """

    late_ms: float
    growth: float = 0.0

    def sound_at(self, seconds: NDArray[np.floating] | float) -> NDArray[np.floating] | float:
        """Time in the old sound of what belongs to the mouth at `seconds`."""
        return seconds + self.late_ms / 1000 + self.growth * seconds

    def mouth_at(self, seconds: NDArray[np.floating] | float) -> NDArray[np.floating] | float:
        """Time in the old picture of what belongs to the sound at `seconds`."""
        return (seconds - self.late_ms / 1000) / (1 + self.growth)


def retimed_sound(
    blocks: Iterable[NDArray[np.float32]], rate: int, channels: int, correction: Correction, seconds: float
) -> Iterator[NDArray[np.float32]]:
    """The sound as it belongs to the mouth, from 0 to `seconds`, silence where there is none.

    blocks: `[channels, n]` laid end to end from time 0.  A constant offset moves whole samples and leaves them as they are; a growing
    one is read between the samples, which changes the pitch by as much as the speed.
    """
    wanted = round(seconds * rate)
    source = _Samples(iter(blocks), channels)
    first = correction.late_ms / 1000 * rate
    if correction.growth:
        yield from at_speed(source.between, rate, first, 1 + correction.growth, wanted)
        return
    for start in range(round(first), round(first) + wanted, BLOCK):
        yield source.between(start, min(start + BLOCK, round(first) + wanted))


def shift_audio(audio: AudioClip, earlier: int, seconds: float) -> AudioClip:
    """The recording `earlier` samples sooner (negative: later), silence filling up, exactly `seconds` long."""
    if earlier == 0 and abs(audio.samples.shape[1] - round(seconds * audio.rate)) <= audio.rate // 100:
        return audio
    return correct_audio(audio, Correction(1000 * earlier / audio.rate), seconds)


def correct_audio(audio: AudioClip, correction: Correction, seconds: float) -> AudioClip:
    """The recording as it belongs to the mouth, exactly `seconds` long."""
    moved = list(retimed_sound([audio.samples], audio.rate, len(audio.samples), correction, seconds))
    samples = np.concatenate(moved, axis=1) if moved else np.zeros((len(audio.samples), 0), np.float32)
    how = f"moved by {-correction.late_ms:+.0f} ms"
    if correction.growth:
        how += f" and its speed changed by {100 * correction.growth:+.3f} %"
    return audio.with_samples(samples, f"{how} to match the mouth")


def shift_frames(frames: FrameStream, later: int) -> FrameStream:
    """The same number of frames, `later` frames later (negative: sooner); the first or last frame is held to fill up."""
    return rearranged(frames, np.clip(np.arange(len(frames)) - later, 0, len(frames) - 1))


def frame_order(count: int, fps: float, correction: Correction) -> NDArray[np.int_]:
    """Which frame is shown at each place so that the mouth belongs to the sound: `[count]`, to the nearest frame, ends held."""
    shown = np.floor(correction.mouth_at(np.arange(count) / fps) * fps + 0.5).astype(int)
    return np.clip(shown, 0, count - 1)


def rearranged(frames: FrameStream, order: NDArray[np.int_]) -> FrameStream:
    """Frames in another order; `order` never falls."""

    def start() -> Iterator[Frame]:
        source = iter(frames)
        at, frame = 0, next(source)
        for index in order:
            while at < index:
                frame, at = next(source), at + 1
            yield frame

    return replace(frames, length=len(order), start=start)


class _Samples:
    """Random access, forward only, to sound that arrives in blocks; zeros before its beginning and after its end."""

    def __init__(self, blocks: Iterator[NDArray[np.float32]], channels: int) -> None:
        self._blocks = blocks
        self._held = np.zeros((channels, 0), np.float32)
        self._start = 0
        self._ended = False

    def between(self, low: int, high: int) -> NDArray[np.float32]:
        """Samples `[channels, high - low]`; `low` never falls from call to call."""
        while not self._ended and self._start + self._held.shape[1] < high:
            block = next(self._blocks, None)
            self._ended = block is None
            if block is not None:
                self._forget(low)
                self._held = np.concatenate([self._held, block], axis=1)
        self._forget(low)
        out = np.zeros((len(self._held), high - low), np.float32)
        first = max(low, self._start)
        part = self._held[:, first - self._start : max(0, high - self._start)]
        out[:, first - low : first - low + part.shape[1]] = part
        return out

    def _forget(self, low: int) -> None:
        gone = min(max(0, low - self._start), self._held.shape[1])
        self._held = self._held[:, gone:]
        self._start += gone
