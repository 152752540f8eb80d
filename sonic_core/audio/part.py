"""Decoding one sound track, or a part of it: on the clock of its time stamps, within a stated length, whatever is damaged left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from ..decoding import TolerantDecoder
from ..errors import AudioError
from ..opening import as_fraction, in_seconds
from .channels import named_channels, to_stereo
from .clip import AudioClip
from .store import SampleStore
from .waveform import MIN_DURATION, unit_float

BLOCK_SECONDS = 10  # decoded frames are gathered into blocks of this length
LONGEST = 36_000.0
"""s; a longer recording is refused before it is decoded (`Settings.duration` ends there too)."""
GAP = 0.05
"""s; a hole in the time stamps that is filled with silence, as players do.  Smaller ones are rounding of the container."""


class UndecodableError(AudioError):
    """This track cannot be decoded here; another one of the same file may be."""


def decode_part(container: Any, stream: AudioStream, path: Path, start: float, length: float) -> AudioClip:
    """Samples `start` to `start + length` (s; length 0 = to the end) of the stream, with notes on what is missing or was mixed.

    Raises UndecodableError, or AudioError for what no other track would mend: too long, nothing left, a rate that changes.
    """
    if stream.codec_context is None:
        raise UndecodableError(
            f"{path.name} has sound in a format that cannot be decoded here. Convert it to wav, flac, mp3 or m4a."
        )
    if not length:
        _check_length(announced(container, stream), path)
    decoder = TolerantDecoder(container, stream)
    store: SampleStore | None = None
    block: list[NDArray[np.float32]] = []
    notes: tuple[str, ...] = ()
    rate = channels = position = held = filled = 0
    first, stop, base = 0, None, None

    def keep(samples: NDArray[np.float32]) -> None:
        nonlocal position, held, block
        part = samples[:, max(0, first - position) : None if stop is None else max(0, stop - position)]
        position += samples.shape[1]
        if part.shape[1]:
            block.append(part)
            held += part.shape[1]
        if held >= BLOCK_SECONDS * rate and store is not None:
            store.append(np.concatenate(block, axis=1))
            block, held = [], 0

    for frame in decoder:
        samples, notes = to_stereo(unit_float(frame_samples(frame)), named_channels(frame.layout))
        if store is None:
            rate, channels = frame.sample_rate, samples.shape[0]
            first = round(start * rate)
            stop = first + round(length * rate) if length else None
            store = SampleStore(channels)
        if (frame.sample_rate, samples.shape[0]) != (rate, channels):
            raise AudioError(
                f"{path.name} changes from {channels} channel(s) at {rate} Hz to {samples.shape[0]} at {frame.sample_rate} Hz "
                f"after {position / rate:.2f} s. Convert it to one rate (for example to wav) first."
            )
        if frame.time is not None:
            base = frame.time - position / rate if base is None else base
            missing = round((frame.time - base) * rate) - position
            if missing > GAP * rate:
                _check_length((position + missing) / rate if stop is None else 0.0, path)
                missing = missing if stop is None else min(missing, max(0, stop - position))
                filled += missing
                while missing > 0:
                    silence = min(missing, BLOCK_SECONDS * rate)
                    keep(np.zeros((channels, silence), np.float32))
                    missing -= silence
        keep(samples)
        if stop is None:
            _check_length(position / rate, path)
        elif position >= stop:
            break
    if store is None:
        raise _nothing(path, stream, decoder)
    if block:
        store.append(np.concatenate(block, axis=1))
    if position and not store.length:
        raise AudioError(
            f"{path.name} is {position / rate:.2f} s long, so nothing is left from {start:.2f} s on. Choose an earlier start."
        )
    whole = first == 0 and (stop is None or position < stop) and not notes and not decoder.skipped and not filled
    if stop is not None and position < stop:
        notes += (
            f"{path.name} ends at {position / rate:.2f} s; {store.length / rate:.2f} s of the {length:.2f} s asked for are there.",
        )
    if filled:
        notes += (f"{path.name} has holes in its time stamps: {filled / rate:.2f} s of silence were put there.",)
    if decoder.skipped:
        notes += (f"{path.name} is damaged: {decoder.skipped} packet(s) could not be decoded and are left out.",)
    kept = store.length
    samples = store.whole()
    if stop is None:
        samples = samples[:, : kept - encoder_padding(container, stream, position, rate)]
    return AudioClip(samples, rate, path.name, path.resolve() if whole else None, notes)


def announced(container: Any, stream: AudioStream) -> float:
    """Seconds that the file says it lasts; 0 where it does not."""
    if stream.duration:
        return in_seconds(stream.duration, stream.time_base)
    return (container.duration or 0) / 1e6


def encoder_padding(container: Any, stream: AudioStream, decoded: int, rate: int) -> int:
    """Samples at the end that an mp4's edit list does not present (the decoder drops those at the beginning by itself)."""
    if "mp4" not in container.format.name or not stream.duration or as_fraction(stream.time_base) * rate != 1:
        return 0
    excess = decoded - stream.duration
    return excess if 0 < excess < 2 * max(stream.codec_context.frame_size, 1024) else 0


def frame_samples(frame: AudioFrame) -> NDArray[Any]:
    """`[channels, samples]` in the frame's own number format, planar or packed."""
    data = frame.to_ndarray()
    return data if frame.format.is_planar else data.reshape(-1, frame.layout.nb_channels).T


def _check_length(seconds: float, path: Path) -> None:
    if seconds > LONGEST:
        raise AudioError(
            f"{path.name} lasts {seconds / 3600:.1f} hours, or its time stamps jump that far; at most {LONGEST / 3600:g} hours are taken. "
            "Choose a part of it with start and length, or cut it."
        )


def _nothing(path: Path, stream: AudioStream, decoder: TolerantDecoder) -> UndecodableError:
    if decoder.skipped:
        return UndecodableError(
            f"{path.name} contains no decodable sound (codec {stream.codec_context.name}{decoder.trouble()}). "
            "Convert it to wav, flac, mp3 or m4a."
        )
    return UndecodableError(
        f"{path.name} contains no sound that can be read: it is empty or cut off. "
        f"Choose a recording of at least {MIN_DURATION:g} s."
    )
