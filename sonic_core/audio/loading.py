"""Loading recordings: whatever PyAV decodes, at its own rate, as an AudioClip; and waveforms that are in memory already."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from ..errors import AudioError
from ..opening import as_fraction, opened, reason
from .channels import named_channels, to_stereo
from .clip import AudioClip
from .silence import trim_silent_ends
from .waveform import MIN_DURATION, joined, sanitized, unit_float

log = logging.getLogger(__name__)

EXPECTED = "Choose a recording or a video with sound, or convert it to wav, flac, mp3 or m4a."
BLOCK_SECONDS = 10  # decoded frames are gathered into blocks of this length


def load_audio(path: str | Path, start: float = 0.0, length: float = 0.0, trim_silence: bool = False) -> AudioClip:
    """Decode the first sound track of a file (wav, mp3, m4a, flac, ogg, opus, the sound of a video, ...).

    start, length: the part to keep, s; length 0 = to the end.  trim_silence: cut silent ends (see `trim_silent_ends`).
    Rate and channels stay as they are, but more than two channels are mixed to stereo.  Encoder delay and padding are left out as
    the container says.  `source` is set only when the samples are the whole file, unaltered; `notes` tells what was altered.
    Raises AudioError (naming file, reason and remedy) if the file is missing, empty, undecodable, silent of streams or under 0.1 s.
    """
    path = Path(path).expanduser()
    if not (0 <= start < math.inf and 0 <= length < math.inf):
        raise AudioError(f"{path.name}: start is {start:g} s and length {length:g} s; expected 0 or more seconds.")
    if 0 < length < MIN_DURATION:
        raise AudioError(
            f"{path.name}: length is {length:g} s; at least {MIN_DURATION:g} s are needed. Set it to 0 to keep all."
        )
    with opened(path, AudioError, EXPECTED) as container:
        if not container.streams.audio:
            raise AudioError(
                f"{path.name} has no sound: it holds {describe_streams(container)}. Choose a recording or a video with sound."
            )
        tracks = len(container.streams.audio)
        clip = decode_part(container, container.streams.audio[0], path, start, length)
    if tracks > 1:
        clip = replace(clip, notes=(f"{path.name} has {tracks} sound tracks; the first one is used.", *clip.notes))
    clip = checked(sanitized(clip))
    return trim_silent_ends(clip) if trim_silence else clip


def clip_from_waveform(waveform: Any, rate: int, name: str = "audio") -> AudioClip:
    """AudioClip from a tensor or array `[channels, samples]` or `[1, channels, samples]` (ComfyUI's AUDIO), floats within -1..1.

    Integers are scaled by their type's range.  Raises AudioError for other shapes, several batch items, or under 0.1 s.
    """
    if hasattr(waveform, "detach"):
        waveform = waveform.detach().to("cpu")
        waveform = (waveform.float() if waveform.is_floating_point() else waveform).numpy()
    samples = np.asarray(waveform)
    if samples.ndim == 3 and samples.shape[0] > 1:
        raise AudioError(
            f"{name} is a batch of {samples.shape[0]} recordings; one portrait speaks one. Pick one item of the batch."
        )
    samples = samples[0] if samples.ndim == 3 and samples.shape[0] else samples
    if samples.ndim != 2 or samples.shape[0] == 0:
        raise AudioError(
            f"{name} has the shape {list(np.shape(waveform))}; expected [channels, samples] or [1, channels, samples]."
        )
    if int(rate) < 1:
        raise AudioError(f"{name} has a sample rate of {rate} Hz; expected a positive number.")
    mixed, notes = to_stereo(unit_float(samples), ())
    return checked(sanitized(AudioClip(mixed.copy(), int(rate), name, notes=notes)))


def checked(clip: AudioClip) -> AudioClip:
    """The clip itself; AudioError if it is empty or too short to animate, a note if it is silent."""
    if clip.samples.shape[1] == 0:
        raise AudioError(
            f"{clip.name} contains no sound that can be read: it is empty, cut off or damaged. "
            f"Choose a recording of at least {MIN_DURATION:g} s."
        )
    if clip.duration < MIN_DURATION:
        raise AudioError(
            f"{clip.name} is {clip.duration:.3f} s long; at least {MIN_DURATION:g} s are needed. Choose a longer recording."
        )
    if not clip.samples.any():
        return replace(clip, notes=(*clip.notes, f"{clip.name} is completely silent; the mouth will stay shut."))
    return clip


def decode_part(container: Any, stream: AudioStream, path: Path, start: float, length: float) -> AudioClip:
    """Samples `start` to `start + length` of the stream, with notes on what is missing or was mixed."""
    if stream.codec_context is None:
        raise AudioError(
            f"{path.name} has sound in a format that cannot be decoded here. Convert it to wav, flac, mp3 or m4a."
        )
    decoder = TolerantDecoder(container, stream)
    blocks: list[NDArray[np.float32]] = []
    block: list[NDArray[np.float32]] = []
    notes: tuple[str, ...] = ()
    rate = channels = position = kept = held = 0
    first, stop = 0, None
    for frame in decoder:
        samples, notes = to_stereo(unit_float(frame_samples(frame)), named_channels(frame.layout))
        if not rate:
            rate, channels = frame.sample_rate, samples.shape[0]
            first = round(start * rate)
            stop = first + round(length * rate) if length else None
        if (frame.sample_rate, samples.shape[0]) != (rate, channels):
            raise AudioError(
                f"{path.name} changes from {channels} channel(s) at {rate} Hz to {samples.shape[0]} at {frame.sample_rate} Hz "
                f"after {position / rate:.2f} s. Convert it to one rate (for example to wav) first."
            )
        part = samples[:, max(0, first - position) : None if stop is None else max(0, stop - position)]
        position += samples.shape[1]
        if part.shape[1]:
            block.append(part)
            held += part.shape[1]
            kept += part.shape[1]
        if held >= BLOCK_SECONDS * rate:
            blocks.append(np.concatenate(block, axis=1))
            block, held = [], 0
        if stop is not None and position >= stop:
            break
    if not rate and not decoder.skipped:
        raise AudioError(
            f"{path.name} contains no sound that can be read: it is empty or cut off. "
            f"Choose a recording of at least {MIN_DURATION:g} s."
        )
    if not rate:
        raise AudioError(
            f"{path.name} contains no decodable sound (codec {stream.codec_context.name}{decoder.trouble()}). "
            "Convert it to wav, flac, mp3 or m4a."
        )
    if position and not kept:
        raise AudioError(
            f"{path.name} is {position / rate:.2f} s long, so nothing is left from {start:.2f} s on. Choose an earlier start."
        )
    if block:
        blocks.append(np.concatenate(block, axis=1))
    whole = first == 0 and (stop is None or position < stop) and not notes and not decoder.skipped
    if stop is not None and position < stop:
        notes += (
            f"{path.name} ends at {position / rate:.2f} s; {kept / rate:.2f} s of the {length:.2f} s asked for are there.",
        )
    if decoder.skipped:
        notes += (f"{path.name} is damaged: {decoder.skipped} packet(s) could not be decoded and are left out.",)
    samples = joined(blocks, channels)
    if stop is None:
        samples = samples[:, : kept - encoder_padding(container, stream, position, rate)]
    return AudioClip(samples, rate, path.name, path.resolve() if whole else None, notes)


def encoder_padding(container: Any, stream: AudioStream, decoded: int, rate: int) -> int:
    """Samples at the end that an mp4's edit list does not present (the decoder drops those at the beginning by itself)."""
    if "mp4" not in container.format.name or not stream.duration or as_fraction(stream.time_base) * rate != 1:
        return 0
    excess = decoded - stream.duration
    return excess if 0 < excess < 2 * max(stream.codec_context.frame_size, 1024) else 0


class TolerantDecoder:
    """Frames of one audio stream; packets that cannot be decoded are skipped and counted, like players do."""

    def __init__(self, container: Any, stream: AudioStream) -> None:
        self.container, self.stream = container, stream
        self.skipped = 0
        self.last_error = ""

    def __iter__(self) -> Iterator[AudioFrame]:
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
                frames = packet.decode()
            except StopIteration:
                return
            except av.EOFError:
                return
            except (av.FFmpegError, ValueError) as error:  # demuxers end with an error when the file is cut off
                self.skipped += 1
                self.last_error = reason(error)
                log.debug("undecodable packet: %s", error)
                continue
            yield from frames

    def trouble(self) -> str:
        return f": {self.last_error}" if self.last_error else ""


def frame_samples(frame: AudioFrame) -> NDArray[Any]:
    """`[channels, samples]` in the frame's own number format, planar or packed."""
    data = frame.to_ndarray()
    return data if frame.format.is_planar else data.reshape(-1, frame.layout.nb_channels).T


def describe_streams(container: Any) -> str:
    kinds = sorted({stream.type for stream in container.streams})
    return "only " + " and ".join(kinds) + " data" if kinds else "no streams at all"
