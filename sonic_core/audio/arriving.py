"""Sound that arrives through a pipe: any usual container, decoded as far as its bytes have come."""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError
from ..opening import HeldHead, open_piped

PIECE_SECONDS = 0.04
EXPECTED = "Pipe in a recording: wav, flac, mp3, ogg, aac, webm, ..."


@dataclass(frozen=True)
class Piece:
    """A stretch of sound: float32 `[channels, n]` within -1..1 at `rate` Hz."""

    samples: NDArray[np.float32]
    rate: int


class AsItComes:
    """A pipe whose `read` returns what has come and does not wait for more."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def read(self, size: int, /) -> bytes:
        return os.read(self._pipe.fileno(), size)


def arriving_pieces(pipe: BinaryIO) -> Iterator[Piece]:
    """The sound of a recording that is still being written to `pipe`, packet by packet.

    Raises AudioError for what is no recording or holds no sound; damaged packets are left out.
    """
    held = HeldHead(AsItComes(pipe), AudioError, EXPECTED)
    yield from _plain_wave(held) if _is_plain_wave(held.head) else _decoded(held)


def _decoded(held: HeldHead) -> Iterator[Piece]:
    with open_piped(held, AudioError, EXPECTED) as container:
        if not container.streams.audio:
            raise AudioError(f"What came through the pipe holds no sound. {EXPECTED}")
        resamplers: dict[tuple[str, str, int], av.AudioResampler] = {}  # each takes frames of one kind
        for packet in container.demux(container.streams.audio[0]):
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                continue
            for frame in frames:
                kind = frame.format.name, frame.layout.name, frame.sample_rate
                to_floats = resamplers.setdefault(kind, av.AudioResampler(format="fltp"))
                for part in to_floats.resample(frame):
                    yield Piece(np.clip(part.to_ndarray(), -1, 1), part.sample_rate)


def _is_plain_wave(head: bytes) -> bool:
    """A wav of whole numbers, which FFmpeg would open only after 64 KB of it, two seconds, had come."""
    place = head.find(b"fmt ")
    return head[:4] == b"RIFF" and place > 0 and head[place + 8 : place + 10] == b"\1\0"


def _plain_wave(held: HeldHead) -> Iterator[Piece]:
    try:
        with wave.open(cast(BinaryIO, io.BufferedReader(held, 1024))) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            while data := file.readframes(max(1, round(PIECE_SECONDS * rate))):
                whole = data[: len(data) // (width * channels) * width * channels]
                yield Piece(_floats(whole, width).reshape(-1, channels).T, rate)
    except (wave.Error, EOFError) as error:
        raise AudioError(
            f"What came through the pipe is a damaged wav: {error or 'it ends too early'}. {EXPECTED}"
        ) from error


def _floats(data: bytes, width: int) -> NDArray[np.float32]:
    """Little-endian samples of `width` bytes as floats within -1..1; those of one byte have no sign."""
    if width == 1:
        return np.frombuffer(data, np.uint8).astype(np.float32) / np.float32(128) - np.float32(1)
    padded = np.zeros((len(data) // width, 4), np.uint8)
    padded[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    return padded.view(np.dtype("<i4"))[:, 0].astype(np.float32) * np.float32(2.0**-31)
