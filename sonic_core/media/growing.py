"""A video whose frames and sound come while it is written: how long it will be is not known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from ..frames import Frame, FrameStream
from .audio_track import SOUND_CODECS, EncodedAudio
from .encoding import Encoding
from .muxing import MP4, opened
from .pending_file import PendingFile, plain_output_errors
from .picture_track import PictureTrack
from .provenance import GENERATOR


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


class GrowingTracks:
    """Picture and sound of an open container, to which is added as they come.

    frames: tells size and rate, not the frames.  channels, rate: of the sound.
    Failures of the disk become OutputError, named after `path`.
    """

    def __init__(
        self,
        container: OutputContainer,
        frames: FrameStream,
        channels: int,
        rate: int,
        encoding: Encoding,
        path: Path,
    ) -> None:
        self.codec, audio_codec = MP4.chosen(encoding)
        self._container, self._path = container, path
        self.picture = PictureTrack(container, frames, encoding, self.codec)
        self._arrived = _Arrived()
        self._sound = EncodedAudio(
            container, self._arrived, channels, rate, encoding.audio_bitrate, SOUND_CODECS[audio_codec]
        )

    def add_sound(self, samples: NDArray[np.float32]) -> None:
        """`[channels, n]` that follow what was added before."""
        self._arrived.blocks.append(samples)
        with plain_output_errors(self._path):
            for packet in self._sound.packets_until(float("inf")):
                self._container.mux(packet)

    def add_frame(self, frame: Frame) -> None:
        """The next frame."""
        with plain_output_errors(self._path):
            self._container.mux(self.picture.encode(frame))

    def finish(self) -> None:
        """What the encoders hold back."""
        with plain_output_errors(self._path):
            self._container.mux(self.picture.remaining())
            for packet in self._sound.remaining():
                self._container.mux(packet)


class GrowingVideo:
    """An mp4 like that of `write_video` that takes its name when it is complete; `publish` or `discard` must be called in the end.

    frames: tells size and rate, not the frames.  channels, rate: of the sound.  metadata: tags of the file.  finish: a last change of the
    complete file before it gets its name, for example a signature.  Raises OutputError where it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        frames: FrameStream,
        channels: int,
        rate: int,
        encoding: Encoding | None = None,
        metadata: Mapping[str, str] | None = None,
        overwrite: bool = False,
        finish: Callable[[Path], None] | None = None,
    ) -> None:
        self._pending, self._finish = PendingFile(path, overwrite), finish
        self._closing = ExitStack()
        try:
            container = self._closing.enter_context(opened(self._pending.temporary, MP4.format, MP4.options, path))
            container.metadata.update({"generator": GENERATOR, **(metadata or {})})
            with plain_output_errors(path):
                self._tracks = GrowingTracks(container, frames, channels, rate, encoding or Encoding(), path)
        except BaseException:
            self.discard()
            raise

    def add(self, frame: Frame, samples: NDArray[np.float32]) -> None:
        """The next frame and the sound `[channels, n]` of its time."""
        self._tracks.add_frame(frame)
        self._tracks.add_sound(samples)

    def publish(self) -> Path:
        """End the file and give it its name; returns it: `name_1.mp4`, ... where the name is taken and nothing overwritten."""
        try:
            self._tracks.finish()
            self._closing.close()
            if self._finish:
                self._finish(self._pending.temporary)
            return self._pending.publish()
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave nothing behind; does nothing after `publish`."""
        try:
            self._closing.close()
        finally:
            self._pending.discard()
