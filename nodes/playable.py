"""What a browser can play of a finished file: the file itself, or an H.264 copy in ComfyUI's temporary folder."""

from __future__ import annotations

from pathlib import Path

from ..sonic_core.audio.clip import AudioClip
from ..sonic_core.media.encoding import Encoding
from ..sonic_core.media.probe import probe
from ..sonic_core.media.reader import read_frames
from ..sonic_core.media.writer import write_video
from ..sonic_core.progress import Progress
from . import host

PLAYED = {".mp4": {"h264", "av1", "libdav1d"}, ".webm": {"vp9", "av1", "libvpx-vp9", "libdav1d"}}
"""Codecs that Chrome, Edge, Firefox and Safari all play, by suffix; HEVC plays in some of them only, by leave of the system."""
PREVIEW = Encoding(crf=23, preset="ultrafast", even="pad", length="trim")


def playable(path: Path, clip: AudioClip | None, progress: Progress) -> Path | None:
    """A temporary mp4 with the pictures of `path` and the sound of `clip`; None when `path` plays in a browser itself."""
    if probe(path).video_codec in PLAYED.get(path.suffix.lower(), ()):
        return None
    return write_video(read_frames(path), clip, host.temporary_file(".mp4"), PREVIEW, progress=progress)
