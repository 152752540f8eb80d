"""What is heard in a clip: the opening of the mouth that the speech asks for, its loudness, the moments at which the lips meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..audio.clip import AudioClip
from ..audio.resampling import ENCODER_RATE as LISTENING_RATE
from ..audio.resampling import to_mono_16k
from ..audio.store import blocks_of
from ..hearing.encoder_choice import load_encoder
from ..hearing.heard_opening import MEASURING, opening_of
from ..hearing.lip_motion import RATE as STATES_PER_SECOND
from ..hearing.lip_reader import Articulation, load_lip_reader, read_lips
from ..media.timed_sound import read_sound
from ..media.timeline import Timeline
from ..progress import Progress, ignore
from .audio_opening import CURVE_RATE
from .quality_report import HeardSpeech

PIECE = 4 * LISTENING_RATE
CLOSURE = 0.5
"""Probability of p, b, m from which a closure counts.

Against 219 closures in force-aligned recordings 95 % are found and 96 % of what is found is right, to 60 ms.
"""


def listen(timeline: Timeline, progress: Progress = ignore) -> HeardSpeech:
    """The sound of a file from its first frame to the end of picture or sound, whichever is sooner."""
    pieces = (block[0] for block in read_sound(timeline, LISTENING_RATE, mono=True))
    return hear(pieces, timeline.shared_seconds, progress)


def hear_clip(audio: AudioClip, seconds: float, progress: Progress = ignore) -> HeardSpeech:
    """The first `seconds` of a recording, or all of it if it is shorter."""
    return hear(blocks_of(to_mono_16k(audio), PIECE), min(seconds, audio.duration), progress)


def hear(pieces: Iterable[NDArray[np.float32]], seconds: float, progress: Progress = ignore) -> HeardSpeech:
    """Opening, loudness and closures in 16 kHz mono that arrives in pieces, of which `seconds` are listened to; none of it is kept."""
    peaks: list[NDArray[np.float32]] = []
    noted = _noted(_cut(pieces, round(seconds * LISTENING_RATE)), peaks, max(1, round(seconds)), progress)
    heard = read_lips(load_encoder(MEASURING), load_lip_reader(), noted)
    opening = opening_of(heard, seconds)
    loudness = np.concatenate([*peaks, np.zeros(0, np.float32)])[: len(opening)]
    return HeardSpeech(opening, np.pad(loudness, (0, len(opening) - len(loudness))), closures_in(heard))


def closures_in(heard: Articulation) -> tuple[float, ...]:
    """The surest moment (s) of every stretch in which a p, b or m is heard."""
    shut = np.concatenate([[False], heard.closure > CLOSURE, [False]])
    starts, ends = np.flatnonzero(shut[1:] != shut[:-1]).reshape(-1, 2).T
    surest = (a + int(heard.closure[a:b].argmax()) for a, b in zip(starts, ends, strict=True))
    return tuple(float(state) / STATES_PER_SECOND for state in surest)


def _cut(pieces: Iterable[NDArray[np.float32]], samples: int) -> Iterator[NDArray[np.float32]]:
    for whole in pieces:
        piece = whole[:samples]
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
