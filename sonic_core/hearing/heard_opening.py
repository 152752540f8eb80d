"""The mouth opening that the lip reader hears in a recording: what lip-sync measurement compares the frames with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..audio.clip import AudioClip
from ..audio.resampling import ENCODER_RATE, to_mono_16k
from ..audio.store import blocks_of
from ..progress import Progress, ignore
from ..runtime.network import Network
from .encoder_choice import load_encoder
from .encoders import SpeechEncoder
from .lip_motion import MOUTH, lip_motion
from .lip_reader import Articulation, load_lip_reader, read_lips

OPENING_RATE = 100
"""Values per second; value i belongs to time i / OPENING_RATE."""
MEASURING = "whisper"
"""The encoder that sync is measured with, whatever the engine listens with."""
_PIECE = 4 * ENCODER_RATE


def heard_opening(
    clip: AudioClip,
    encoder: SpeechEncoder | None = None,
    reader: Network | None = None,
    progress: Progress = ignore,
) -> NDArray[np.float32]:
    """Opening of the lips, 0 = closed, `[round(seconds * OPENING_RATE)]`: the `predicted` of `judging.synchrony.measure_offset`.

    encoder, reader: networks to use; those of the package are loaded when they are None.
    progress: called as ("listening", seconds done, seconds) every 4 s of sound; may raise to stop.
    """
    return hear_opening(blocks_of(to_mono_16k(clip), _PIECE), clip.duration, encoder, reader, progress)


def hear_opening(
    pieces: Iterable[NDArray[np.float32]],
    seconds: float,
    encoder: SpeechEncoder | None = None,
    reader: Network | None = None,
    progress: Progress = ignore,
) -> NDArray[np.float32]:
    """The same for sound that arrives in pieces of 16 kHz mono, `seconds` long in all: none of it is kept."""
    total = max(1, round(seconds))

    def heard_pieces() -> Iterator[NDArray[np.float32]]:
        done = 0
        for piece in pieces:
            yield piece
            done += len(piece)
            progress("listening", min(round(done / ENCODER_RATE), total), total)

    return opening_of(
        read_lips(encoder or load_encoder(MEASURING), reader or load_lip_reader(), heard_pieces()), seconds
    )


def opening_of(heard: Articulation, seconds: float) -> NDArray[np.float32]:
    """The opening of lips that articulate what was heard, `[round(seconds * OPENING_RATE)]`."""
    motion = dict(zip(MOUTH, lip_motion(heard, max(1, round(seconds * OPENING_RATE)), OPENING_RATE).T, strict=True))
    return motion["jaw"] * (1 - np.maximum(motion["close"], 0.92 * motion["fv"]))
