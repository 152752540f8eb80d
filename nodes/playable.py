"""What a browser can play of a finished file: the file itself, or an H.264 copy in ComfyUI's temporary folder."""

from __future__ import annotations

import logging
from pathlib import Path

from ..sonic_core.audio.clip import AudioClip
from ..sonic_core.errors import SonicError
from ..sonic_core.media.encoding import Encoding
from ..sonic_core.media.probe import probe
from ..sonic_core.media.provenance_check import own_tags
from ..sonic_core.media.reader import read_frames
from ..sonic_core.media.writer import write_video
from ..sonic_core.progress import Progress
from . import host

log = logging.getLogger(__name__)

PLAYED = {".mp4": {"h264", "av1", "libdav1d"}, ".webm": {"vp9", "av1", "libvpx-vp9", "libdav1d"}}
"""Codecs that Chrome, Edge and Firefox all play, by suffix; Safari plays AV1 where the machine decodes it.  HEVC depends on the system."""
PREVIEW = Encoding(crf=23, preset="ultrafast", even="pad", length="trim")


def playable(path: Path, clip: AudioClip | None, progress: Progress) -> Path | None:
    """A temporary mp4 with the pictures of `path` (over white) and the sound of `clip`.

    The copy says as the file does how it was made: other nodes save it in the file's stead.
    None when `path` plays in a browser itself, or when the copy cannot be made: the file is complete, and nothing may lose it now.
    """
    try:
        found = probe(path)
        if found.video_codec in PLAYED.get(path.suffix.lower(), ()):
            return None
        copy = host.temporary_file(".mp4")
        return write_video(read_frames(path).over(), clip, copy, PREVIEW, own_tags(found.metadata), progress=progress)
    except (SonicError, OSError) as error:
        log.warning("%s is complete, but there is no copy of it to play on the node: %s", path, error)
        return None
