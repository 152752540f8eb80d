"""Sound in at one pipe, fragmented mp4 out at another: `generate --audio - --output -`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from ..audio.arriving import Piece, arriving_pieces
from ..engines.streaming import Stage
from ..errors import AudioError
from ..frames import Frame, FrameStream
from ..media.encoding import Encoding
from ..media.fragments import FragmentedVideo
from ..media.visible_label import VisibleLabel, with_visible_label
from ..settings import Settings
from ..threads import one_thread
from .clip import streamed_frames

ENDLESS = 10**9  # frames: how long it will be is not known


@dataclass(frozen=True)
class Look:
    """How the video is written: encoding, tags of the file, a visible label."""

    encoding: Encoding = field(default_factory=Encoding)
    tags: Mapping[str, str] = field(default_factory=dict)
    label: VisibleLabel | None = None


def speak_through(stage: Stage, settings: Settings, source: BinaryIO, sink: BinaryIO, look: Look) -> int:
    """Write the video of what comes from `source` into `sink` while it comes; returns the number of frames.

    The sound goes out as it came in, at its own rate.  Raises AudioError for what is no sound or changes its form on the way, OutputError
    where nobody reads `sink` any longer.
    """
    writing: list[FragmentedVideo] = []
    first: list[Piece] = []

    def heard() -> Iterator[Piece]:
        for piece in arriving_pieces(source):
            if not first:
                first.append(piece)
                writing.append(FragmentedVideo(sink, frames, len(piece.samples), piece.rate, look.encoding, look.tags))
            if piece.rate != first[0].rate or len(piece.samples) != len(first[0].samples):
                raise AudioError(
                    f"The sound changed from {first[0].rate} Hz, {len(first[0].samples)} channels to {piece.rate} Hz, "
                    f"{len(piece.samples)} channels. Pipe in one recording."
                )
            writing[0].add_sound(piece.samples)
            yield piece

    def shown() -> Iterator[Frame]:
        return streamed_frames(stage, settings, heard())

    frames = FrameStream(ENDLESS, stage.width, stage.height, stage.fps, shown)
    count = 0
    with one_thread():
        for frame in with_visible_label(frames, look.label):
            if not writing:
                raise AudioError("What came through the pipe holds no sound that can be decoded.")
            writing[0].add_frame(frame)
            count += 1
        writing[0].finish()
    return count
