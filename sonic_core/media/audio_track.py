"""The sound of a video: the clip's samples at their own rate, or the source's own AAC packets when it has them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from numpy.typing import NDArray

from ..audio.clip import AudioClip
from ..audio.store import blocks_of
from ..errors import AudioError, OutputError
from ..opening import in_seconds, open_media, opened

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SoundCodec:
    """An audio encoder of FFmpeg and its limits.

    rates: Hz that it knows.  max_bits: per sample and channel.  max_bitrate: of all channels.  form: sample format.
    """

    encoder: str
    label: str
    rates: tuple[int, ...]
    max_bits: float
    max_bitrate: int
    max_channels: int
    form: str = "fltp"


SOUND_CODECS = {
    # Rates of ISO/IEC 14496-3, table 1.18; a frame holds at most 6144 bits per channel for 1024 samples.
    "aac": SoundCodec(
        "aac",
        "AAC",
        (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000),
        6,
        512_000,
        8,
    ),
    # ISO/IEC 11172-3 and 13818-3; an mp4 names no lower rates (MPEG 2.5).
    "mp3": SoundCodec("libmp3lame", "MP3", (16_000, 22_050, 24_000, 32_000, 44_100, 48_000), 16, 320_000, 2),
    # RFC 6716; a decoder always gives 48 kHz.
    "opus": SoundCodec("libopus", "Opus", (48_000,), 10, 512_000, 2, "flt"),
}
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
CHUNK_SECONDS = 0.25
FAST_BITS = 3
"""Per sample and channel, from which FFmpeg's fast search for the step sizes of AAC is nearer to the sound: speech at 192 kb/s, 48 kHz, one
channel, has a noise of -61 dB instead of -52, in two thirds of the time; at 96 kb/s and 16 kHz -40.5 instead of -40.4, in half of it.
"""


class AudioTrack(Protocol):
    """Gives the packets of one audio stream in time order, a little at a time."""

    def packets_until(self, until: float) -> Iterator[av.Packet]:
        """Packets of the sound before `until` (s) that were not given yet."""
        ...

    def remaining(self) -> Iterator[av.Packet]:
        """All that is left."""
        ...

    def close(self) -> None: ...


def open_audio_track(
    container: OutputContainer, clip: AudioClip | None, bitrate: int, tolerance: float, codec: str = "aac"
) -> AudioTrack:
    """Add a stream for `clip` to `container`: copied where AAC is wanted and its source file is AAC that starts at 0, else encoded.

    bitrate: bits per second when encoded.  tolerance: seconds that a copy may differ from the clip's length.
    """
    if clip is None:
        return NoAudio()
    source = _copyable_source(clip.source, clip, tolerance) if clip.source and codec == "aac" else None
    if source:
        return CopiedAudio(container, source, source.streams.audio[0])
    return _encoded_clip(container, clip, bitrate, SOUND_CODECS[codec])


class NoAudio:
    """An mp4 without sound."""

    def packets_until(self, until: float) -> Iterator[av.Packet]:
        yield from ()

    def remaining(self) -> Iterator[av.Packet]:
        yield from ()

    def close(self) -> None:
        """Nothing is held open."""


class EncodedAudio:
    """Blocks of sound, encoded a little ahead of the picture; the container's edit list hides the encoder's priming, so that sound starts
    at 0 and keeps its length.

    blocks: `[channels, n]` float32 at `rate` Hz, laid end to end from 0.  bitrate: bits per second.
    """

    def __init__(
        self,
        container: OutputContainer,
        blocks: Iterable[NDArray[np.float32]],
        channels: int,
        rate: int,
        bitrate: int,
        codec: SoundCodec,
    ) -> None:
        self.blocks = iter(blocks)
        self.rate, self.done = rate, 0
        self.mixed = channels not in LAYOUTS or channels > codec.max_channels
        self.layout = "mono" if self.mixed else LAYOUTS[channels]
        coded_rate = coded_rate_of(rate, codec)
        try:
            self.stream = cast(AudioStream, container.add_stream(codec.encoder, rate=coded_rate))
        except ValueError as error:
            raise OutputError(
                f"This build of PyAV has no encoder for {codec.label}. Install PyAV from PyPI (pip install -U av) "
                "or choose another audio codec."
            ) from error
        self.stream.layout = self.layout
        most = codec.max_bits * coded_rate * (1 if self.mixed else channels)
        self.stream.bit_rate = round(min(bitrate, codec.max_bitrate, most))
        if codec.encoder == "aac" and self.stream.bit_rate >= FAST_BITS * coded_rate * self.stream.channels:
            self.stream.options = {"aac_coder": "fast"}
        self.resampler: av.AudioResampler | None = None
        if coded_rate != rate or codec.form != "fltp":
            self.resampler = av.AudioResampler(format=codec.form, layout=self.layout, rate=coded_rate)

    def packets_until(self, until: float) -> Iterator[av.Packet]:
        while self.done < until * self.rate:
            block = next(self.blocks, None)
            if block is None:
                return
            if block.shape[1]:
                yield from self._encode(block.mean(axis=0, keepdims=True) if self.mixed else block)

    def remaining(self) -> Iterator[av.Packet]:
        yield from self.packets_until(float("inf"))
        for frame in self.resampler.resample(None) if self.resampler else ():
            yield from self.stream.encode(frame)
        yield from self.stream.encode(None)

    def close(self) -> None:
        """Nothing is held open."""

    def _encode(self, block: NDArray[np.float32]) -> Iterator[av.Packet]:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block, np.float32), format="fltp", layout=self.layout)
        frame.sample_rate, frame.pts = self.rate, self.done
        self.done += block.shape[1]
        for part in self.resampler.resample(frame) if self.resampler else (frame,):
            yield from self.stream.encode(part)


class CopiedAudio:
    """The packets of one sound track of an open file as they are, priming and edit list included.

    start: of the new file, in units of the track's time base.  It closes the file in the end.
    """

    def __init__(self, container: OutputContainer, source: InputContainer, track: AudioStream, start: int = 0) -> None:
        self.source, self.start = source, start
        self.stream = container.add_stream_from_template(track, opaque=True)
        self.packets = (packet for packet in source.demux(track) if packet.size)
        self.held: av.Packet | None = None

    def packets_until(self, until: float) -> Iterator[av.Packet]:
        while packet := self.held or next(self.packets, None):
            if self.held is None and self.start:
                packet.pts = None if packet.pts is None else packet.pts - self.start
                packet.dts = None if packet.dts is None else packet.dts - self.start
            if packet.pts is not None and in_seconds(packet.pts, packet.time_base) >= until:
                self.held = packet
                return
            self.held = None
            packet.stream = self.stream
            yield packet

    def remaining(self) -> Iterator[av.Packet]:
        yield from self.packets_until(float("inf"))

    def close(self) -> None:
        self.source.close()


def coded_rate_of(rate: int, codec: SoundCodec) -> int:
    """Hz at which a codec carries sound of `rate` Hz: the next that it knows."""
    return next((known for known in codec.rates if known >= rate), codec.rates[-1])


def _encoded_clip(container: OutputContainer, clip: AudioClip, bitrate: int, codec: SoundCodec) -> EncodedAudio:
    """The samples of a clip, encoded; what the codec does not carry as it is, is told."""
    channels, rate = len(clip.samples), coded_rate_of(clip.rate, codec)
    if channels not in LAYOUTS or channels > codec.max_channels:
        logger.warning(
            "%s has %d channels, which %s players do not know; mixed to mono.", clip.name, channels, codec.label
        )
    if rate != clip.rate and len(codec.rates) > 1:
        logger.warning(
            "%s knows no rate of %d Hz; the sound of %s is written at %d Hz.", codec.label, clip.rate, clip.name, rate
        )
    step = max(1, round(CHUNK_SECONDS * clip.rate))
    return EncodedAudio(container, blocks_of(clip.samples, step), channels, clip.rate, bitrate, codec)


def _copyable_source(path: Path, clip: AudioClip, tolerance: float) -> InputContainer | None:
    """Open the clip's source when its sound can go into an mp4 untouched: AAC-LC in the mp4 family, from 0, as long as the clip."""
    try:
        length = _length_of_plain_aac(path, clip)
        if length is None or abs(length - clip.duration) > tolerance:
            return None
        return open_media(path, AudioError, "")
    except (AudioError, OSError, av.FFmpegError) as error:
        logger.warning("%s cannot be read again (%s); its sound is encoded anew.", path, error)
        return None


def _length_of_plain_aac(path: Path, clip: AudioClip) -> float | None:
    """Seconds of the first audio stream of `path`, None when an mp4 cannot carry it as it is."""
    with opened(path, AudioError, "") as source:
        stream = next(iter(source.streams.audio), None)
        if stream is None or "mp4" not in source.format.name.split(","):
            return None
        codec = stream.codec_context
        if (codec.name, codec.profile) != ("aac", "LC") or (codec.sample_rate, codec.layout.nb_channels) != (
            clip.rate,
            len(clip.samples),
        ):
            return None
        if stream.start_time != 0:
            return None
        packets = [packet for packet in source.demux(stream) if packet.size]
        times = [(packet.pts, packet.duration or 0) for packet in packets if packet.pts is not None]
        if len(times) < len(packets) or times != sorted(times):
            return None
        return in_seconds(max(pts + duration for pts, duration in times), stream.time_base) if times else None
