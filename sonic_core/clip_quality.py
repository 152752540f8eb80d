"""The quality of a video file: its frames watched, its sound listened to, both compared (post/quality_report.py)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .audio.encoders import WhisperEncoder
from .engines.lite.heard_opening import opening_of
from .engines.lite.lip_motion import RATE as STATES_PER_SECOND
from .engines.lite.lip_reader import Articulation, LipReader, read_lips
from .errors import AudioError
from .frames import FrameStream
from .media.reader import read_frames
from .media.timeline import Timeline, read_frames_at, read_sound, read_timeline
from .post.audio_opening import CURVE_RATE
from .post.quality_report import ClipQuality, HeardSpeech, measure_quality
from .progress import Progress, ignore

LISTENING_RATE = 16_000
CLOSURE = 0.5
"""Probability of p, b, m from which a closure counts.

Against 219 closures in force-aligned recordings 95 % are found and 96 % of what is found is right, to 60 ms.
"""


def measure_file(path: Path, progress: Progress = ignore) -> ClipQuality:
    """Watch and listen to a video file of any kind that PyAV decodes; memory stays flat beside some kilobytes per second.

    A changing frame rate is read at its mean rate.  Raises OutputError when there is no picture; a file without sound is measured without.
    """
    frames, heard = read_clip(path, progress)
    return measure_quality(frames, heard, progress)


def read_clip(path: Path, progress: Progress = ignore) -> tuple[FrameStream, HeardSpeech | None]:
    """The frames at their own size and an even rate, and what is heard from the first of them on."""
    try:
        timeline = read_timeline(path)
    except AudioError:
        return read_frames(path), None
    count = len(timeline.times)
    even = np.arange(count) * (timeline.times[-1] / (count - 1) if count > 1 else 0.0)
    return read_frames_at(timeline, even, timeline.fps), listen(timeline, progress)


def listen(timeline: Timeline, progress: Progress = ignore) -> HeardSpeech:
    """Opening, loudness and closures in the sound of a file, up to the end of picture or sound, whichever is sooner."""
    seconds = timeline.shared_seconds
    peaks: list[NDArray[np.float32]] = []
    blocks = read_sound(timeline, LISTENING_RATE, mono=True)
    pieces = _noted(_cut(blocks, round(seconds * LISTENING_RATE)), peaks, max(1, round(seconds)), progress)
    heard = read_lips(WhisperEncoder.load(), LipReader.load(), pieces)
    opening = opening_of(heard, seconds)
    loudness = np.concatenate([*peaks, np.zeros(0, np.float32)])[: len(opening)]
    loudness = np.pad(loudness, (0, len(opening) - len(loudness)))
    return HeardSpeech(opening, loudness, closures_in(heard))


def closures_in(heard: Articulation) -> tuple[float, ...]:
    """The surest moment (s) of every stretch in which a p, b or m is heard."""
    shut = np.concatenate([[False], heard.closure > CLOSURE, [False]])
    starts, ends = np.flatnonzero(shut[1:] != shut[:-1]).reshape(-1, 2).T
    surest = (a + int(heard.closure[a:b].argmax()) for a, b in zip(starts, ends, strict=True))
    return tuple(float(state) / STATES_PER_SECOND for state in surest)


def _cut(blocks: Iterable[NDArray[np.float32]], samples: int) -> Iterator[NDArray[np.float32]]:
    for block in blocks:
        piece = block[0, :samples]
        samples -= len(piece)
        if len(piece):
            yield piece
        if samples <= 0:
            return


def _noted(
    pieces: Iterable[NDArray[np.float32]], peaks: list[NDArray[np.float32]], seconds: int, progress: Progress
) -> Iterator[NDArray[np.float32]]:
    """The pieces as they are; the peak of every 1 / CURVE_RATE s is written to `peaks` on the way."""
    step, done = LISTENING_RATE // CURVE_RATE, 0
    rest = np.zeros(0, np.float32)
    for piece in pieces:
        rest = np.concatenate([rest, np.abs(piece)])
        whole = len(rest) // step * step
        peaks.append(rest[:whole].reshape(-1, step).max(axis=1) if whole else np.zeros(0, np.float32))
        rest = rest[whole:]
        yield piece
        done += len(piece)
        progress("listening", min(round(done / LISTENING_RATE), seconds), seconds)
