"""The quality of a video file: its frames watched, its sound listened to, both compared (judging/quality_report.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..audio.loading import load_audio
from ..frames import FrameStream
from ..media.png_sequence import SOUND
from ..media.reader import read_frames
from ..media.timeline import read_any_timeline, read_frames_at
from ..progress import Progress, ignore
from .clip_hearing import hear_clip, listen
from .quality_report import ClipQuality, HeardSpeech, measure_quality


def measure_file(path: Path, progress: Progress = ignore) -> ClipQuality:
    """Watch and listen to a video file of any kind that PyAV decodes; memory stays flat beside some kilobytes per second.

    A changing frame rate is read at its mean rate.  Raises OutputError when there is no picture; a file without sound is measured without.
    """
    frames, heard = read_clip(path, progress)
    return measure_quality(frames, heard, progress)


def read_clip(path: Path, progress: Progress = ignore) -> tuple[FrameStream, HeardSpeech | None]:
    """The frames at their own size and an even rate, and what is heard from the first of them on.

    A folder is read as a PNG sequence with its sound.wav.
    """
    if path.suffix.lower() == ".gif":
        return read_frames(path).over(), None
    if path.is_dir():
        frames, sound = read_frames(path).over(), path / SOUND
        return frames, hear_clip(load_audio(sound), frames.duration, progress) if sound.exists() else None
    timeline = read_any_timeline(path)
    count = len(timeline.times)
    even = np.arange(count) * (timeline.times[-1] / (count - 1) if count > 1 else 0.0)
    return read_frames_at(timeline, even, timeline.fps), listen(timeline, progress) if timeline.channels else None
