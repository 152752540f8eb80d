"""Containers with picture and sound: mp4 and WebM, written a frame at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import av
from av.container import OutputContainer

from ..audio.clip import AudioClip
from ..compositing import over
from ..errors import OutputError
from ..frames import FrameStream
from ..progress import Progress
from ..stream_check import checked
from .audio_track import AudioTrack, open_audio_track
from .encoding import Encoding
from .pending_file import plain_output_errors
from .picture_track import PictureTrack


@dataclass(frozen=True)
class Container:
    """A container format of FFmpeg and the codecs it may carry, the usual one first."""

    format: str
    codecs: tuple[str, ...]
    audio_codecs: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)

    def chosen(self, encoding: Encoding) -> tuple[str, str]:
        """Codecs of picture and sound; OutputError for one that this container cannot carry."""
        pairs = (("codec", self.codecs), ("audio_codec", self.audio_codecs))
        for name, possible in pairs:
            if getattr(encoding, name) not in ("auto", *possible):
                raise OutputError(
                    f"{name} is {getattr(encoding, name)}, which a file of the kind {self.format} does not carry. "
                    f"Choose {' or '.join(possible)}, or another kind of file."
                )
        codec, audio_codec = (
            possible[0] if getattr(encoding, name) == "auto" else getattr(encoding, name) for name, possible in pairs
        )
        return codec, audio_codec


MP4 = Container("mp4", ("h264", "hevc", "av1"), ("aac", "mp3"), {"movflags": "use_metadata_tags+faststart"})
WEBM = Container("webm", ("vp9", "av1"), ("opus",))
MOV = Container("mov", ("prores", "h264", "hevc"), ("aac", "mp3"), MP4.options)


def write_muxed(
    container: Container,
    frames: FrameStream,
    audio: AudioClip | None,
    temporary: Path,
    encoding: Encoding,
    metadata: Mapping[str, str],
    progress: Progress,
    path: Path,
) -> None:
    """Encode everything into `temporary`; only the environment's failures become OutputError, named after `path`."""
    codec, audio_codec = container.chosen(encoding)
    with opened(temporary, container.format, container.options, path) as output:
        output.metadata.update(metadata)
        with plain_encoding_errors(path):
            picture = PictureTrack(output, frames, encoding, codec)
            sound = open_audio_track(output, audio, encoding.audio_bitrate, 0.5 / frames.fps, audio_codec)
        encode_all(output, picture, frames, sound, progress, path)


def encode_all(
    output: OutputContainer,
    picture: PictureTrack,
    frames: FrameStream,
    sound: AudioTrack,
    progress: Progress,
    path: Path,
) -> None:
    """Encode every frame and the sound that belongs to it, in turn; the one loop that fills a container."""
    with closing(sound):
        for index, frame in enumerate(checked(frames), start=1):
            with plain_encoding_errors(path):
                output.mux(picture.encode(frame))
                for packet in sound.packets_until(index / frames.fps):
                    output.mux(packet)
            progress("encoding", index, len(frames), partial(over, frame))
        with plain_encoding_errors(path):
            output.mux(picture.remaining())
            for packet in sound.remaining():
                output.mux(packet)


@contextmanager
def plain_encoding_errors(path: Path) -> Iterator[None]:
    """OutputError for what the disk refuses, and for an encoder that gives up, which names no reason: its memory, mostly."""
    with plain_output_errors(path):
        try:
            yield
        except av.error.ExternalError as error:
            raise OutputError(
                f"Cannot write {path}: its encoder gave up. Most often memory is short: close other programs, or choose a smaller size."
            ) from error


@contextmanager
def opened(temporary: Path, format: str, options: Mapping[str, str], path: Path) -> Iterator[OutputContainer]:
    """A container to write into, closed on the way out; failures of the disk become OutputError, named after `path`."""
    with plain_output_errors(path):
        container = av.open(str(temporary), "w", format=format, options=dict(options))
    try:
        yield container
        with plain_output_errors(path):
            container.close()
    except BaseException:
        # The file is thrown away; closing only has to let go of it (Windows deletes no open file).
        with suppress(OSError, av.FFmpegError):
            container.close()
        raise
