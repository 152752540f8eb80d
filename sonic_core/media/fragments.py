"""Fragmented mp4 into a pipe: playable from its first fragment on, nothing is written twice and nothing sought."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from ..frames import Frame, FrameStream
from .encoding import Encoding
from .growing import GrowingTracks
from .pending_file import plain_output_errors
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
        options = {
            # delay_moov: the head waits for the first sound, whose priming it has to hide.
            "movflags": "use_metadata_tags+empty_moov+default_base_moof+delay_moov+frag_keyframe",
            "frag_duration": str(round(1e6 * FRAGMENT_SECONDS)),
            "flush_packets": "1",
        }
        self._container = cast(OutputContainer, av.open(_Sink(pipe), "w", format="mp4", options=options))
        self._container.metadata.update({"generator": GENERATOR, **metadata})
        self._tracks = GrowingTracks(self._container, frames, channels, rate, encoding, STANDARD_OUTPUT)
        picture = self._tracks.picture.stream
        waitless = {"tune": "zerolatency"} if self._tracks.codec == "h264" else {}
        picture.options = {**dict(picture.options), **waitless, "g": str(round(SECONDS_BETWEEN_KEYS * frames.fps))}

    def add_sound(self, samples: NDArray[np.float32]) -> None:
        """`[channels, n]` that follow what was added before."""
        self._tracks.add_sound(samples)

    def add_frame(self, frame: Frame) -> None:
        """The next frame."""
        self._tracks.add_frame(frame)

    def finish(self) -> None:
        """What the encoders hold back, and the end of the file."""
        self._tracks.finish()
        with plain_output_errors(STANDARD_OUTPUT):
            self._container.close()
