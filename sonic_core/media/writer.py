"""The writer: frames and sound go in one at a time, a finished file comes out or none; its suffix says which kind."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from ..audio.clip import AudioClip
from ..errors import OutputError
from ..frames import FrameStream
from ..progress import Progress, ignore
from ..stream_check import check_frames, check_sound
from .encoders import has_alpha
from .encoding import Encoding
from .gif import write_gif
from .lengths import match_lengths
from .muxing import MOV, MP4, WEBM, write_muxed
from .pending_file import PendingFile
from .pending_folder import PendingFolder
from .png_sequence import write_png_sequence
from .provenance import GENERATOR

logger = logging.getLogger(__name__)

__all__ = ["SUFFIXES", "TRANSPARENT", "Encoding", "check_output", "holds_alpha", "write_video"]

SUFFIXES = (".mp4", ".webm", ".mov", ".gif", ".png")
CONTAINERS = {".mp4": MP4, ".webm": WEBM, ".mov": MOV}
TRANSPARENT = "a .webm (VP9), a .mov (ProRes 4444) or .png"

Finish = Callable[[Path], None]


def write_video(
    frames: FrameStream,
    audio: AudioClip | None,
    path: Path,
    encoding: Encoding | None = None,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: Progress = ignore,
    finish: Finish | None = None,
) -> Path:
    """Write `frames` and `audio` into the kind of file that the suffix of `path` names, and return its path.

    .mp4: H.264, HEVC or AV1 with AAC or MP3.  .webm: VP9 or AV1 with Opus.  .mov: ProRes 4444 (or H.264, HEVC).  .gif: no
    sound.  .png: a folder of that name without the suffix, with a PNG per frame and the sound as wav.
    The file grows under a temporary name and is renamed when complete; whatever stops the work, also an exception from `frames` or
    `progress`, leaves nothing behind and passes on.  A file that exists is kept and `name_1.mp4`, ... written, unless `overwrite`.
    Frames are RGB uint8 [H, W, 3], sRGB; in videos they become limited-range BT.709 4:2:0 (ProRes: 4:4:4 of 10 bits) and are tagged so.
    Frames with opacity are for kinds that `holds_alpha` names; lay them over something for others.
    metadata: tags of the file, for example title and comment.  finish: a last change of the complete file before it gets its name, for
    example a signature; not for PNG.
    Raises OutputError (cannot be written there; no frames, frames of a wrong size or rate), AudioError (no samples, or no numbers) and
    DurationMismatchError (sound and picture differ by more than half a frame and `encoding.length` is strict).
    """
    path = Path(path)
    encoding = encoding or Encoding()
    tags = {"generator": GENERATOR, **(metadata or {})}
    _check_name(path)
    check_frames(frames)
    if frames.has_alpha and not holds_alpha(path, encoding):
        raise OutputError(
            f"{path.name} cannot hold transparency. Write {TRANSPARENT}, or lay the frames over a colour."
        )
    if audio is not None:
        check_sound(audio)
    if path.suffix.lower() != ".gif":
        frames, audio = match_lengths(frames, audio, encoding.length)
    pending = _pending(path, overwrite)
    try:
        _write(frames, audio, pending.temporary, encoding, tags, progress, path)
        if finish:
            finish(pending.temporary)
        return pending.publish()
    finally:
        pending.discard()


def check_output(path: Path, encoding: Encoding | None = None) -> None:
    """OutputError if a video, so encoded, cannot be written to `path`: asked before long work, not after it.  Makes missing folders."""
    path = Path(path)
    _check_name(path)
    if container := CONTAINERS.get(path.suffix.lower()):
        container.chosen(encoding or Encoding())
    _pending(path, overwrite=False).discard()


def holds_alpha(path: Path, encoding: Encoding | None = None) -> bool:
    """Whether a file of that name, so encoded, keeps transparency.  Raises OutputError for a codec that it cannot carry."""
    suffix = Path(path).suffix.lower()
    if container := CONTAINERS.get(suffix):
        return has_alpha(container.chosen(encoding or Encoding())[0])
    return suffix == ".png"


def _check_name(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(
            f"Cannot write {path}: the result is an mp4. Give a name that ends in .mp4 "
            "(or in .webm, .mov, .gif, or .png for a folder of pictures)."
        )


def _pending(path: Path, overwrite: bool) -> PendingFile | PendingFolder:
    return PendingFolder(path.with_suffix("")) if path.suffix.lower() == ".png" else PendingFile(path, overwrite)


def _write(
    frames: FrameStream,
    audio: AudioClip | None,
    temporary: Path,
    encoding: Encoding,
    tags: Mapping[str, str],
    progress: Progress,
    path: Path,
) -> None:
    """Fill `temporary` by the writer of its kind."""
    suffix = path.suffix.lower()
    if suffix == ".png":
        write_png_sequence(frames, audio, temporary, tags, progress, path)
    elif suffix == ".gif":
        if audio is not None:
            logger.warning("A GIF has no sound; %s is left out of %s.", audio.name, path.name)
        write_gif(frames, temporary, tags, progress, path)
    else:
        write_muxed(CONTAINERS[suffix], frames, audio, temporary, encoding, tags, progress, path)
