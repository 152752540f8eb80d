"""Lip-sync alignment: puts right what was measured of sound and mouth (synchrony.py), by moving the one or the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.clip import AudioClip
from ..errors import SettingsError
from ..frames import FrameStream
from .methods import DEFAULT_TOLERANCE_MS, METHODS
from .mouth_track import MouthTrack, in_order
from .retiming import Correction, correct_audio, frame_order, rearranged, shift_audio, shift_frames
from .synchrony import MIN_CONFIDENCE, Segment, SyncReport, compare, measure_offset

__all__ = [
    "DEFAULT_TOLERANCE_MS",
    "METHODS",
    "Alignment",
    "Correction",
    "Segment",
    "SyncReport",
    "align",
    "compare",
    "measure_again",
    "measure_offset",
    "shift_audio",
    "shift_frames",
]


@dataclass(frozen=True)
class Alignment:
    """Frames and sound after alignment, equally long within half a frame; `report` is the measurement it rests on.

    shift_ms: by how much the sound was moved against the frames (positive = earlier; in the middle of a clip that drifts), 0 when nothing
    was changed.  correction: what was taken away, None for nothing, by `method`.
    """

    frames: FrameStream
    audio: AudioClip
    report: SyncReport
    shift_ms: float
    notes: tuple[str, ...]
    correction: Correction | None = None
    method: str = METHODS[0]


def align(
    frames: FrameStream,
    audio: AudioClip,
    report: SyncReport,
    method: str = "shift_audio",
    tolerance_ms: float = DEFAULT_TOLERANCE_MS,
) -> Alignment:
    """Remove the measured offset, by moving the sound (exact to a sample) or the frames (to the nearest frame).

    An offset that grows (`report.drifting`) is removed along the whole clip: the sound is played that much slower or faster, or frames are
    held and dropped.  Changes nothing when the report is not trusted or the offset lies within the tolerance, and says so in `notes`.
    """
    if method not in METHODS:
        raise SettingsError(f"method is {method!r}; expected one of {', '.join(METHODS)}.")
    correction, note = plan_correction(report, method, tolerance_ms, frames.fps)
    if correction is None:
        return Alignment(frames, audio, report, 0.0, (note,), method=method)
    if method == "shift_audio":
        moved = correct_audio(audio, correction, frames.duration)
        return Alignment(frames, moved, report, report.offset_ms, (note,), correction, method)
    order = frame_order(len(frames), frames.fps, correction)
    fitted = shift_audio(audio, 0, frames.duration)
    shift = report.offset_ms if report.drifting else correction.late_ms
    return Alignment(rearranged(frames, order), fitted, report, shift, (note,), correction, method)


def plan_correction(
    report: SyncReport, method: str = "shift_audio", tolerance_ms: float = DEFAULT_TOLERANCE_MS, fps: float = 25.0
) -> tuple[Correction | None, str]:
    """What to take away, None for nothing, and a sentence about it.  fps: of the frames, which can only move by whole ones."""
    if not report.trusted:
        reason = " ".join(report.notes) or _doubt_in_words(report)
        return None, f"Nothing changed: confidence {report.confidence:.2f} is below {MIN_CONFIDENCE:.2f}. {reason}"
    found, sure = _in_words(report), f"(confidence {report.confidence:.2f})"
    if max(abs(report.offset_at(0)), abs(report.offset_at(report.seconds))) <= tolerance_ms:
        return None, f"Nothing changed: {found}, within the tolerance of {tolerance_ms:.0f} ms {sure}."
    if report.drifting:
        correction = Correction(report.offset_at(0), report.drift_ms_per_minute / 60_000)
        percent = f"{100 * correction.growth:+.3f} %"
        if method == "shift_audio":
            return correction, f"Found {found}, moved the sound and changed its speed by {percent} {sure}."
        return correction, f"Found {found}, moved the frames and changed their speed by {percent} {sure}."
    if method == "shift_audio":
        return Correction(report.offset_ms), f"Found {found}, moved the sound by {abs(report.offset_ms):.0f} ms {sure}."
    moved = round(report.offset_ms / 1000 * fps)
    if not moved:
        return None, f"Nothing changed: {found}, less than half a frame {sure}."
    return Correction(1000 * moved / fps), f"Found {found}, moved the frames by {abs(moved)} {sure}."


def measure_again(
    track: MouthTrack, alignment: Alignment, predicted: NDArray[np.floating], sound: AudioClip | NDArray[np.floating]
) -> SyncReport:
    """The measurement after correction, without looking at the frames again: they are the same, in their new order.

    predicted, sound: as in `compare`, of `alignment.audio`.
    """
    if alignment.correction is not None and alignment.method == "shift_frames":
        track = in_order(track, frame_order(len(track.opening), track.fps, alignment.correction))
    return compare(track, predicted, sound)


def _doubt_in_words(report: SyncReport) -> str:
    if report.too_short:
        return (
            f"{report.seconds:.1f} s are too short to be sure. Such a match is believed from {np.ceil(report.seconds_needed):.0f} s on: "
            "measure a longer clip."
        )
    if not report.doubts:
        return "Sound and mouth do not match well enough."
    who = ("", "One of two plain witnesses does not", "Neither of two plain witnesses does")[report.doubts]
    return f"Sound and mouth do not match well enough. {who} see the mouth follow the loudness there."


def _in_words(report: SyncReport) -> str:
    def side(offset: float) -> str:
        return f"{abs(offset):.0f} ms {'late' if offset > 0 else 'early'}"

    if not report.drifting:
        return f"sound {side(report.offset_ms)}"
    return f"sound {side(report.offset_at(0))} at the start and {side(report.offset_at(report.seconds))} at the end"
