"""Speech encoders behind one interface: 16 kHz mono in, hidden states every 20 ms out, for recordings of any length.

A recording is cut into blocks on a fixed grid; neighbours overlap and are cross-faded.  Every state therefore depends on its own
surroundings only: the whole recording at once, piece by piece as it arrives, or a part of it give the same states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError

RATE = 16_000
STATES_PER_SECOND = 50
HOP = RATE // STATES_PER_SECOND
"""Samples per state; state i of a recording is centred on sample i * HOP."""

BLOCK, OVERLAP = 500, 100
"""States in a block and states that neighbours share: 10 s and 2 s."""

Floats = NDArray[np.float32]


class SpeechEncoder(Protocol):
    """name: for messages and the model card.  layers, width: of the states."""

    @property
    def name(self) -> str: ...

    @property
    def layers(self) -> int: ...

    @property
    def width(self) -> int: ...

    def states(self, waveform: Floats) -> Floats:
        """One block `[samples]` of up to 10 s -> `[samples // 320, layers, width]`."""
        ...


@dataclass(frozen=True)
class Block:
    """A stretch of a recording.  start: index of its first state.  samples: `[n]` levelled.  last: the recording ends here."""

    start: int
    samples: Floats
    last: bool


def encode(encoder: SpeechEncoder, waveform: Floats) -> Floats:
    """States of a whole recording: `[samples]` at 16 kHz, within -1..1 -> `[T, layers, width]`, T = ceil(samples / 320)."""
    return np.concatenate(list(encode_stream(encoder, [waveform])))


def encode_stream(encoder: SpeechEncoder, pieces: Iterable[Floats]) -> Iterator[Floats]:
    """States of a recording that arrives in pieces of any size, as soon as they are final: 2 to 10 s after their audio."""
    return map_blocks(encoder.states, pieces)


def map_blocks(network: Callable[[Floats], Floats], pieces: Iterable[Floats]) -> Iterator[Floats]:
    """Run `network` ([samples] -> [states, ...]) over the blocks of a recording; yields consecutive stretches of its cross-faded output."""
    ramp = np.linspace(0, 1, OVERLAP + 2)[1:-1]
    fade_in = (np.sin(ramp * np.pi / 2) ** 2).astype(np.float32)
    held: Floats | None = None
    for block in blocks(pieces):
        result = network(block.samples)
        if held is not None:
            fade = fade_in[: len(result)].reshape(-1, *[1] * (result.ndim - 1))
            before, after = held[: len(fade)], result[: len(fade)]
            result = np.concatenate([before + (after - before) * fade, result[len(fade) :]])
        if block.last:
            yield result
        else:
            yield result[: BLOCK - OVERLAP]
            held = result[BLOCK - OVERLAP :]


def blocks(pieces: Iterable[Floats]) -> Iterator[Block]:
    """Cut a recording into overlapping blocks, at the same places however it was cut into pieces."""
    size, stride = BLOCK * HOP, (BLOCK - OVERLAP) * HOP
    buffer, start = np.zeros(0, np.float32), 0
    for piece in pieces:
        buffer = np.concatenate([buffer, np.asarray(piece, np.float32)])
        while len(buffer) > size:
            yield Block(start, levelled(buffer[:size]), last=False)
            buffer, start = buffer[stride:], start + BLOCK - OVERLAP
    if len(buffer) == 0:
        raise AudioError("The recording holds no samples; at least one is needed to encode speech.")
    padded = np.pad(buffer, (0, -len(buffer) % HOP))
    yield Block(start, levelled(padded), last=True)


def levelled(samples: Floats, target: float = 0.12, most: float = 30.0) -> Floats:
    """Bring speech to an even level: the loudest third of 20 ms frames to `target` rms, near-silence amplified by no more than `most`."""
    frames = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
    power = np.sort(np.square(frames).mean(1))[::-1]
    level = float(np.sqrt(power[: max(1, len(power) // 3)].mean())) if len(power) else 0.0
    return samples * np.float32(min(most, target / max(level, 1e-6)))
