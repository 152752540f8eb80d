"""Fragmented mp4 into a pipe: playable from its first fragment on, nothing is written twice and nothing sought."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from ..frames import Frame, FrameStream
from .audio_track import SOUND_CODECS, EncodedAudio
from .encoding import Encoding
from .muxing import MP4
from .pending_file import plain_output_errors
from .picture_track import PictureTrack
from .provenance import GENERATOR

FRAGMENT_SECONDS = 0.2
SECONDS_BETWEEN_KEYS = 2
STANDARD_OUTPUT = Path("standard output")


class _Sink:
    """What PyAV writes into: no `seek`, every write goes out at once."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def write(self, data: bytes) -> int:
        self._pipe.write(data)
        self._pipe.flush()
        return len(data)


class _Arrived:
    """Blocks of sound that came and were not yet encoded; goes on after it was empty, which an ended generator does not."""

    def __init__(self) -> None:
        self.blocks: deque[NDArray[np.float32]] = deque()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return self

    def __next__(self) -> NDArray[np.float32]:
        if not self.blocks:
            raise StopIteration
        return self.blocks.popleft()


class FragmentedVideo:
    """An mp4 that is written as its frames and its sound come.  Raises OutputError where the pipe's reader is gone.

    frames: tells size and rate, not the frames.  channels, rate: of the sound.  metadata: tags of the file.
    """

    def __init__(
        self,
        pipe: BinaryIO,
        frames: FrameStream,
        channels: int,
        rate: int,
        encoding: Encoding,
        metadata: Mapping[str, str],
    ) -> None:
        codec, audio_codec = MP4.chosen(encoding)
        options = {
            # delay_moov: the head waits for the first sound, whose priming it has to hide.
            "movflags": "use_metadata_tags+empty_moov+default_base_moof+delay_moov+frag_keyframe",
            "frag_duration": str(round(1e6 * FRAGMENT_SECONDS)),
            "flush_packets": "1",
        }
        self._container = cast(OutputContainer, av.open(_Sink(pipe), "w", format="mp4", options=options))
        self._container.metadata.update({"generator": GENERATOR, **metadata})
        self._picture = PictureTrack(self._container, frames, encoding, codec)
        own = dict(self._picture.stream.options)
        waitless = {"tune": "zerolatency"} if codec == "h264" else {}
        self._picture.stream.options = {**own, **waitless, "g": str(round(SECONDS_BETWEEN_KEYS * frames.fps))}
        self._arrived = _Arrived()
        self._sound = EncodedAudio(
            self._container, self._arrived, channels, rate, encoding.audio_bitrate, SOUND_CODECS[audio_codec]
        )

    def add_sound(self, samples: NDArray[np.float32]) -> None:
        """`[channels, n]` that follow what was added before."""
        self._arrived.blocks.append(samples)
        with plain_output_errors(STANDARD_OUTPUT):
            for packet in self._sound.packets_until(float("inf")):
                self._container.mux(packet)

    def add_frame(self, frame: Frame) -> None:
        """The next frame."""
        with plain_output_errors(STANDARD_OUTPUT):
            self._container.mux(self._picture.encode(frame))

    def finish(self) -> None:
        """What the encoders hold back, and the end of the file."""
        with plain_output_errors(STANDARD_OUTPUT):
            self._container.mux(self._picture.remaining())
            for packet in self._sound.remaining():
                self._container.mux(packet)
            self._container.close()
