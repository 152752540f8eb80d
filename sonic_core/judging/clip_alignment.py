"""A finished video brought into sync, from file to file: measure, correct, write, measure what was written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import AudioError, PortraitError
from ..media.c2pa_signing import lost_signature
from ..media.encoding import Encoding
from ..media.pending_file import check_writable
from ..media.provenance import GENERATOR
from ..media.remux import (
    container_for,
    cut_to,
    named_after,
    replace_picture,
    replace_sound,
    sound_left_out,
    tracks_left_out,
)
from ..media.timed_sound import read_sound
from ..media.timeline import Timeline, read_frames_at, read_shown_frames, read_timeline
from ..progress import Progress, ignore
from . import syncnet
from .alignment import DEFAULT_TOLERANCE_MS, METHODS, plan_correction
from .audio_opening import CURVE_RATE
from .clip_hearing import listen
from .face_tracker import MeshTracker
from .mouth_track import MouthTrack, at_steady_rate, track_mouth
from .quality_report import HeardSpeech
from .retiming import Correction, retimed_sound
from .synchrony import MIN_FOUND, MIN_SECONDS, SyncReport, compare
from .syncnet import SyncNet, SyncScore

SHIFT_TAG = "lip_sync"
"""Metadata of a corrected file: what was moved by how much, and by what."""


@dataclass(frozen=True)
class ClipSync:
    """A measured file: its clock, the mouth seen in it, and how well the sound belongs to it."""

    timeline: Timeline
    track: MouthTrack
    report: SyncReport


@dataclass(frozen=True)
class ClipAlignment:
    """What `align_clip` found and did.

    before: as the file was.  after: measured again on the file that was written, None when none was.  output: its path, None when nothing
    had to be changed or the measurement is not sure enough.  shift_ms: by how much the sound was moved (positive: earlier), in the middle
    of a clip that drifts.
    """

    before: SyncReport
    after: SyncReport | None
    output: Path | None
    shift_ms: float
    notes: tuple[str, ...]


def measure_clip(path: Path, progress: Progress = ignore) -> ClipSync:
    """Watch and listen to a video file; memory does not grow with its length beyond some kilobytes per second.

    Any frame rate, also a changing one; whatever PyAV decodes.  Sound and picture are compared where there are both.
    Raises OutputError (no video), AudioError (no sound, silence, too short) and PortraitError (no face, a mouth that does not move).
    """
    timeline = read_timeline(path)
    if timeline.shared_seconds < MIN_SECONDS:
        raise AudioError(
            f"{path.name} has only {timeline.shared_seconds:.2f} s of picture and sound together; {MIN_SECONDS} s are needed."
        )
    heard = listen(timeline, progress)
    if np.ptp(heard.opening) < 1e-3:
        raise AudioError(
            f"{path.name} is silent, or nothing in its sound is like speech. Choose a clip in which somebody speaks."
        )
    return measured(timeline, watch(timeline, progress), heard)


def measured(timeline: Timeline, track: MouthTrack, heard: HeardSpeech) -> ClipSync:
    """The comparison; PortraitError where there is no mouth to compare with."""
    count = min(len(heard.opening), len(heard.loudness), round(timeline.shared_seconds * CURVE_RATE))
    name = timeline.path.name
    if track.found_share < MIN_FOUND:
        raise PortraitError(
            f"A face was seen in only {track.found_share:.0%} of the frames of {name}. A clip with one visible face is needed."
        )
    report = compare(track, heard.opening[:count], heard.loudness[:count])
    if report.notes:
        raise PortraitError(f"{name} cannot be measured. {' '.join(report.notes)}")
    return ClipSync(timeline, track, report)


def watch(timeline: Timeline, progress: Progress = ignore) -> MouthTrack:
    """The mouth in the file's frames, at an even rate."""
    frames, times = read_shown_frames(timeline)
    track = track_mouth(frames, MeshTracker(), progress)
    return track if timeline.constant else at_steady_rate(track, times)


def align_clip(
    path: Path,
    output: Path | None = None,
    method: str = METHODS[0],
    tolerance_ms: float = DEFAULT_TOLERANCE_MS,
    measure_only: bool = False,
    drift: bool = True,
    encoding: Encoding | None = None,
    overwrite: bool = False,
    progress: Progress = ignore,
) -> ClipAlignment:
    """Measure `path`; when it is surely out of sync write a corrected copy and measure that.

    output: default is the name with `_aligned` beside the file.  method: shift_audio copies the picture as it is and encodes the moved
    sound; shift_frames encodes the picture anew and moves whole frames.  drift: also take away an offset that grows along the clip.
    """
    target = output or named_after(path, "aligned")
    container_for(target)
    if output and not measure_only:
        check_writable(output)
    before = measure_clip(path, progress)
    report = before.report if drift else _without_drift(before.report)
    correction, note = plan_correction(report, method, tolerance_ms, before.timeline.fps)
    notes = [*_remarks(before.timeline), note]
    losses = (*sound_left_out(before.timeline), *lost_signature(path))
    if correction is None or measure_only:
        if correction is not None:
            notes[-1] = note.split(",")[0] + "; nothing was changed."
        return ClipAlignment(before.report, None, None, 0.0, tuple(notes))
    tags = {SHIFT_TAG: f"{note} {GENERATOR}"}
    if method == "shift_audio":
        written = _with_sound_moved(before.timeline, correction, target, tags, overwrite, progress)
        timeline = read_timeline(written)
        after = measured(timeline, before.track, listen(timeline, progress))
    else:
        written = _with_frames_moved(before.timeline, correction, target, encoding, tags, overwrite, progress)
        after = measure_clip(written, progress)
    notes.append(_verdict(after.report, tolerance_ms, before.timeline.fps if method == "shift_frames" else None))
    notes += losses
    shift = report.offset_ms if report.drifting else correction.late_ms
    return ClipAlignment(before.report, after.report, written, shift, tuple(notes))


def judge_clip(path: Path, net: SyncNet, progress: Progress = ignore) -> SyncScore:
    """LSE-C, LSE-D and offset of a video file by the user's SyncNet, at 25 frames per second.  Raises AudioError without sound."""
    timeline = read_timeline(path)
    count = int(timeline.shared_seconds * syncnet.FPS)
    frames = read_frames_at(timeline, np.arange(count) / syncnet.FPS, syncnet.FPS)
    mono = [block[0] for block in read_sound(timeline, syncnet.RATE, mono=True)]
    if not mono:
        raise AudioError(f"Nothing of the sound of {path.name} can be decoded. Convert the video first.")
    return syncnet.score_sync(net, frames, np.concatenate(mono), MeshTracker(), progress)


def _with_sound_moved(timeline: Timeline, correction: Correction, target: Path, tags, overwrite, progress) -> Path:
    moved = retimed_sound(read_sound(timeline), timeline.rate, timeline.channels, correction, timeline.end)
    return replace_sound(timeline, cut_to(moved, timeline, timeline.end), target, tags, overwrite, progress)


def _with_frames_moved(
    timeline: Timeline, correction: Correction, target: Path, encoding, tags, overwrite, progress
) -> Path:
    count = max(1, round(timeline.end * timeline.fps))
    shown = correction.mouth_at(np.arange(count) / timeline.fps)
    frames = read_frames_at(timeline, np.asarray(shown), timeline.fps)
    return replace_picture(timeline, frames, target, encoding, tags, overwrite, progress)


def _without_drift(report: SyncReport) -> SyncReport:
    return replace(report, drifting=False)


def _remarks(timeline: Timeline) -> tuple[str, ...]:
    if timeline.constant:
        return tracks_left_out(timeline)
    return (*tracks_left_out(timeline), f"The frame rate changes along the clip ({timeline.fps:.2f} fps on average).")


def _verdict(after: SyncReport, tolerance_ms: float, fps: float | None) -> str:
    left = max(abs(after.offset_at(0)), abs(after.offset_at(after.seconds)))
    allowed = max(tolerance_ms, 500 / fps + 5 if fps else 0)
    if not after.trusted:
        return f"Measured again: confidence fell to {after.confidence:.2f}; look at the result before you use it."
    if left > allowed:
        return f"Measured again: up to {left:.0f} ms are still left; look at the result before you use it."
    return f"Measured again: {abs(after.offset_ms):.0f} ms left (confidence {after.confidence:.2f})."
