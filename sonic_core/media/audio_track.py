"""The sound of a video: the clip's samples at their own rate, or the source's own AAC packets when it has them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.container import InputContainer, OutputContainer

from ..audio.clip import AudioClip
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


class AudioTrack(Protocol):
    """Gives the packets of one audio stream in time order, a little at a time."""

    def packets_until(self, seconds: float) -> Iterator[av.Packet]:
        """Packets of the sound before `seconds` that were not given yet."""
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
    source = _copyable_source(clip, tolerance) if clip.source and codec == "aac" else None
    return CopiedAudio(container, source) if source else EncodedAudio(container, clip, bitrate, SOUND_CODECS[codec])


class NoAudio:
    """An mp4 without sound."""

    def packets_until(self, seconds: float) -> Iterator[av.Packet]:
        yield from ()

    def remaining(self) -> Iterator[av.Packet]:
        yield from ()

    def close(self) -> None:
        """Nothing is held open."""


class EncodedAudio:
    """The samples, encoded; the container's edit list hides the encoder's priming, so sound starts at 0 and keeps its length."""

    def __init__(self, container: OutputContainer, clip: AudioClip, bitrate: int, codec: SoundCodec) -> None:
        samples = clip.samples
        if len(samples) not in LAYOUTS or len(samples) > codec.max_channels:
            logger.warning(
                "%s has %d channels, which %s players do not know; mixed to mono.",
                clip.name,
                len(samples),
                codec.label,
            )
            samples = clip.mono()[None]
        self.samples = np.ascontiguousarray(samples, dtype=np.float32)
        self.rate = clip.rate
        self.layout = LAYOUTS[len(samples)]
        self.done = 0
        coded_rate = next((rate for rate in codec.rates if rate >= clip.rate), codec.rates[-1])
        if coded_rate != clip.rate and len(codec.rates) > 1:
            logger.warning(
                "%s knows no rate of %d Hz; the sound of %s is written at %d Hz.",
                codec.label,
                clip.rate,
                clip.name,
                coded_rate,
            )
        try:
            self.stream = container.add_stream(codec.encoder, rate=coded_rate)
        except ValueError as error:
            raise OutputError(
                f"This build of PyAV has no encoder for {codec.label}. Install PyAV from PyPI (pip install -U av) "
                "or choose another audio codec."
            ) from error
        self.stream.layout = self.layout
        self.stream.bit_rate = round(min(bitrate, codec.max_bitrate, codec.max_bits * coded_rate * len(samples)))
        self.resampler = None
        if coded_rate != clip.rate or codec.form != "fltp":
            self.resampler = av.AudioResampler(format=codec.form, layout=self.layout, rate=coded_rate)

    def packets_until(self, seconds: float) -> Iterator[av.Packet]:
        end = min(round(seconds * self.rate), self.samples.shape[1])
        step = max(1, round(CHUNK_SECONDS * self.rate))
        while self.done < end:
            chunk = self.samples[:, self.done : min(self.done + step, end)]
            yield from self._encode(chunk)

    def remaining(self) -> Iterator[av.Packet]:
        yield from self.packets_until(self.samples.shape[1] / self.rate)
        for frame in self.resampler.resample(None) if self.resampler else ():
            yield from self.stream.encode(frame)
        yield from self.stream.encode(None)

    def close(self) -> None:
        """Nothing is held open."""

    def _encode(self, chunk: np.ndarray) -> Iterator[av.Packet]:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(chunk), format="fltp", layout=self.layout)
        frame.sample_rate = self.rate
        frame.pts = self.done
        self.done += chunk.shape[1]
        for part in self.resampler.resample(frame) if self.resampler else (frame,):
            yield from self.stream.encode(part)


class CopiedAudio:
    """The packets of an AAC file as they are, priming and edit list included."""

    def __init__(self, container: OutputContainer, source: InputContainer) -> None:
        self.source = source
        template = source.streams.audio[0]
        self.stream = container.add_stream_from_template(template)
        self.packets = (packet for packet in source.demux(template) if packet.size)
        self.held: av.Packet | None = None

    def packets_until(self, until: float) -> Iterator[av.Packet]:
        while packet := self.held or next(self.packets, None):
            if in_seconds(packet.pts, packet.time_base) >= until:
                self.held = packet
                return
            self.held = None
            packet.stream = self.stream
            yield packet

    def remaining(self) -> Iterator[av.Packet]:
        yield from self.packets_until(float("inf"))

    def close(self) -> None:
        self.source.close()


def _copyable_source(clip: AudioClip, tolerance: float) -> InputContainer | None:
    """Open the clip's source when its sound can go into an mp4 untouched: AAC-LC in the mp4 family, from 0, as long as the clip."""
    try:
        length = _length_of_plain_aac(clip.source, clip)
        if length is None or abs(length - clip.duration) > tolerance:
            return None
        return open_media(clip.source, AudioError, "")
    except (AudioError, OSError, av.FFmpegError) as error:
        logger.warning("%s cannot be read again (%s); its sound is encoded anew.", clip.source, error)
        return None


def _length_of_plain_aac(path: Path, clip: AudioClip) -> float | None:
    """Seconds of the first audio stream of `path`, None when an mp4 cannot carry it as it is."""
    with opened(path, AudioError, "") as source:
        stream = next(iter(source.streams.audio), None)
        if stream is None or "mp4" not in source.format.name.split(","):
            return None
        codec = stream.codec_context
        if (codec.name, codec.profile) != ("aac", "LC") or (codec.sample_rate, codec.channels) != (
            clip.rate,
            len(clip.samples),
        ):
            return None
        if stream.start_time != 0:
            return None
        packets = [(packet.pts, packet.duration) for packet in source.demux(stream) if packet.size]
        if any(pts is None for pts, _ in packets) or packets != sorted(packets):
            return None
        return in_seconds(max(pts + duration for pts, duration in packets), stream.time_base) if packets else None
