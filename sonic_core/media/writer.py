"""The mp4 writer: frames and sound go in one at a time, a finished file comes out or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import VideoReformatter

from .. import __version__
from ..audio.clip import AudioClip
from ..errors import DurationMismatchError, OutputError
from ..frames import Frame, FrameStream
from ..progress import Progress, ignore
from .audio_track import open_audio_track
from .encoding import Encoding
from .pending_file import PendingFile, plain_output_errors

__all__ = ["Encoding", "check_output", "write_video"]

# BT.709 and limited range, by their numbers in H.273 (matrix, primaries and transfer are all 1); ranges as FFmpeg counts them.
BT709 = 1
LIMITED_RANGE = 1
# mp4 counts frames in a time base; rates such as 29.97 become the fraction they stand for.
LARGEST_FPS_DENOMINATOR = 1001


def write_video(
    frames: FrameStream,
    audio: AudioClip | None,
    path: Path,
    encoding: Encoding | None = None,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: Progress = ignore,
) -> Path:
    """Write `frames` and `audio` as H.264 and AAC into an mp4 and return its path.

    The file grows under a temporary name and is renamed when complete; whatever stops the work, also an exception from `frames` or
    `progress`, leaves nothing behind and passes on.  A file that exists is kept and `name_1.mp4`, ... written, unless `overwrite`.
    Frames are RGB uint8 [H, W, 3], sRGB; they are converted to limited-range BT.709 4:2:0 and tagged so.
    metadata: tags of the file, for example title and comment.
    Raises OutputError (cannot be written there; no frames, frames of a wrong size) and DurationMismatchError (sound and picture
    differ by more than half a frame).
    """
    path = Path(path)
    encoding = encoding or Encoding()
    _check_name(path)
    _check_lengths(frames, audio)
    pending = PendingFile(path, overwrite)
    try:
        _write(frames, audio, pending.temporary, encoding, metadata or {}, progress, path)
        return pending.publish()
    finally:
        pending.discard()


def check_output(path: Path) -> None:
    """OutputError if a video cannot be written to `path`: asked before long work, not after it.  Makes missing folders."""
    _check_name(path)
    PendingFile(path).discard()


def _check_name(path: Path) -> None:
    if path.suffix.lower() != ".mp4":
        raise OutputError(f"Cannot write {path}: the result is an mp4. Give a name that ends in .mp4.")


def _check_lengths(frames: FrameStream, audio: AudioClip | None) -> None:
    if len(frames) < 1 or min(frames.width, frames.height) < 2:
        raise OutputError(
            f"There is nothing to write: {len(frames)} frames of {frames.width}x{frames.height} px; "
            "expected at least one frame of at least 2x2 px."
        )
    # A millisecond of grace: recordings that end exactly between two frames.
    if audio and abs(audio.duration - frames.duration) > 0.5 / frames.fps + 1e-3:
        raise DurationMismatchError(
            f"The picture is {frames.duration:.3f} s ({len(frames)} frames at {frames.fps:g} fps) but {audio.name} is "
            f"{audio.duration:.3f} s; expected the same within half a frame. Trim or pad the sound, or make "
            f"{audio.frame_count(frames.fps)} frames."
        )


def _write(
    frames: FrameStream,
    audio: AudioClip | None,
    temporary: Path,
    encoding: Encoding,
    metadata: Mapping[str, str],
    progress: Progress,
    path: Path,
) -> None:
    """Encode everything into `temporary`; only the environment's failures become OutputError, named after `path`."""
    with plain_output_errors(path):
        container = av.open(str(temporary), "w", format="mp4", options={"movflags": "use_metadata_tags+faststart"})
    try:
        container.metadata.update({"generator": f"sonic-portrait {__version__}", **metadata})
        with plain_output_errors(path):
            picture = _PictureTrack(container, frames, encoding)
            sound = open_audio_track(container, audio, encoding.audio_bitrate, 0.5 / frames.fps)
        with closing(sound):
            for index, frame in enumerate(_checked(frames), start=1):
                with plain_output_errors(path):
                    container.mux(picture.encode(frame))
                    for packet in sound.packets_until(index / frames.fps):
                        container.mux(packet)
                progress("encoding", index, len(frames), lambda frame=frame: frame)
            with plain_output_errors(path):
                container.mux(picture.remaining())
                for packet in sound.remaining():
                    container.mux(packet)
        with plain_output_errors(path):
            container.close()
    except BaseException:
        # The file is thrown away; closing only has to let go of it (Windows deletes no open file).
        with suppress(OSError, av.FFmpegError):
            container.close()
        raise


def _checked(frames: FrameStream) -> Iterator[Frame]:
    """The stream's frames; OutputError as soon as one is not what the stream announced."""
    expected = (frames.height, frames.width, 3)
    seen = 0
    for frame in frames:
        seen += 1
        if seen > len(frames):
            break
        if frame.shape != expected or frame.dtype != np.uint8:
            raise OutputError(
                f"Frame {seen} is {frame.dtype} {list(frame.shape)}; expected uint8 {list(expected)} like the others. "
                "All frames of a video have one size."
            )
        yield frame
    if seen != len(frames):
        raise OutputError(f"{len(frames)} frames were announced but {'more' if seen > len(frames) else seen} came.")


class _PictureTrack:
    """The H.264 stream of an mp4."""

    def __init__(self, container: OutputContainer, frames: FrameStream, encoding: Encoding) -> None:
        rate = Fraction(frames.fps).limit_denominator(LARGEST_FPS_DENOMINATOR)
        try:
            stream = container.add_stream("libx264", rate=rate)
        except ValueError as error:
            raise OutputError(
                "This build of PyAV has no H.264 encoder. Install PyAV from PyPI: pip install -U av"
            ) from error
        codec = stream.codec_context
        grow = encoding.even == "pad"
        stream.width, stream.height = (
            side + side % 2 if grow else side - side % 2 for side in (frames.width, frames.height)
        )
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(encoding.crf), "preset": encoding.preset}
        codec.time_base = 1 / rate
        codec.colorspace = codec.color_primaries = codec.color_trc = BT709
        codec.color_range = LIMITED_RANGE
        self.stream = stream
        self.reformatter = VideoReformatter()
        self.count = 0

    def encode(self, frame: Frame) -> list[av.Packet]:
        picture = av.VideoFrame.from_ndarray(_fit(frame, self.stream.width, self.stream.height), format="rgb24")
        # Names and not numbers: the one way that every PyAV from 14 on understands.
        picture = self.reformatter.reformat(
            picture,
            format="yuv420p",
            interpolation="AREA",  # mean of the four pixels that share a chroma sample
            dst_colorspace="ITU709",
            src_color_range="JPEG",
            dst_color_range="MPEG",
        )
        picture.pts = self.count
        picture.time_base = self.stream.codec_context.time_base
        self.count += 1
        return self.stream.encode(picture)

    def remaining(self) -> list[av.Packet]:
        return self.stream.encode(None)


def _fit(frame: Frame, width: int, height: int) -> Frame:
    """Cut or repeat the last row and column, so that the frame is `width` x `height`."""
    frame = frame[:height, :width]
    missing = (height - frame.shape[0], width - frame.shape[1])
    if any(missing):
        frame = np.pad(frame, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return np.ascontiguousarray(frame)
