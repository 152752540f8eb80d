"""How late the sound is against the mouth in finished frames: measured, with how sure that is and what stood in the way.

Sign: `offset_ms` is positive when the sound is late against the mouth, negative when the mouth is late against the sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.clip import AudioClip
from ..errors import AudioError, SettingsError
from ..frames import FrameStream
from ..progress import Progress, ignore
from .audio_opening import CURVE_RATE, predict_opening
from .correlation import LAGS_MS, dissent, match, peak
from .drift import fit_drift, without_drift
from .face_tracker import MeshTracker
from .mouth_track import FaceTracker, MouthTrack, between, track_mouth

MIN_CONFIDENCE = 0.5
"""Below this nothing is changed: sound and mouth may not belong together, or too little was seen or heard."""
DOUBT = 0.06
"""What each of two plain witnesses that does not confirm the offset takes off the height of its peak.

On filmed people trust without any of them was wrong: foreign speech, and mouths that plain eyes do not see follow the sound.
"""
MIN_SECONDS = 1.5
MIN_FOUND = 0.5
_LEAST_HEIGHT, _SHORTNESS = 0.15, 0.52
"""A match this high is needed however long the clip is, and so much more, over the root of its seconds: chance shrinks with the length."""
LONG_ENOUGH_S = 15.0
"""What would be believed within such a length is told to be too short to be sure, not to match badly."""
_SEGMENT_S, _SEGMENT_STEP_S = 6.0, 3.0


@dataclass(frozen=True)
class Segment:
    """The offset within a stretch of the clip."""

    start_s: float
    end_s: float
    offset_ms: float
    confidence: float


@dataclass(frozen=True)
class SyncReport:
    """What was measured.

    offset_ms: positive = sound late against the mouth.  confidence: 0-1, below MIN_CONFIDENCE the offset means nothing.
    seen, predicted, loudness: curves `[N]` at `times` (s): mouth opening in the frames (eye distances), opening the sound suggests (0-1),
    peak amplitude of the sound (0-1).  lags_ms, correlation: the match at every shift.  segments: offset along the clip.
    drift_ms_per_minute: how fast the offset grows, NaN when it cannot be told.  drifting: it does; offset_ms is then that of the middle.
    found_share: share of frames with a face.  notes: what stood in the way, in plain words.
    doubts: plain witnesses, of two, that do not confirm the offset (`correlation.dissent`).
    """

    offset_ms: float
    confidence: float
    times: NDArray[np.float32]
    seen: NDArray[np.float32]
    predicted: NDArray[np.float32]
    loudness: NDArray[np.float32]
    lags_ms: NDArray[np.int_]
    correlation: NDArray[np.float64]
    segments: tuple[Segment, ...]
    drift_ms_per_minute: float
    found_share: float
    notes: tuple[str, ...] = ()
    drifting: bool = False
    doubts: int = 0

    @property
    def trusted(self) -> bool:
        return self.confidence >= MIN_CONFIDENCE

    @property
    def seconds(self) -> float:
        """Length of what was compared."""
        return len(self.times) / CURVE_RATE

    @property
    def seconds_needed(self) -> float:
        """How long a clip has to be for so good a match to be believed, by as many witnesses; infinite where it never is."""
        return seconds_to_trust(float(self.correlation.max()) - DOUBT * self.doubts)

    @property
    def too_short(self) -> bool:
        """Not trusted for its length alone: the match would be good enough in a clip of LONG_ENOUGH_S."""
        return not self.notes and self.seconds < self.seconds_needed <= LONG_ENOUGH_S

    def offset_at(self, seconds: float) -> float:
        """The offset in ms at a moment of the clip: everywhere the same, or on the line along which it grows."""
        if not self.drifting:
            return self.offset_ms
        return self.offset_ms + self.drift_ms_per_minute * (seconds - self.seconds / 2) / 60


def measure_offset(
    frames: FrameStream,
    audio: AudioClip,
    progress: Progress = ignore,
    *,
    predicted: NDArray[np.floating] | None = None,
    predicted_fps: float | None = None,
    tracker: FaceTracker | None = None,
) -> SyncReport:
    """Compare the mouth in the frames with the sound; one pass over the frames.

    predicted: mouth opening that the sound suggests, any scale, if something better than the built-in rule is known (an engine's own
    motion), at `predicted_fps` values per second (default: the frames' rate).  tracker: source of landmarks (default: our face mesh).
    Confidence is 0, with a note, for silence, a lost face, or less than MIN_SECONDS of either.
    """
    measurable(frames, audio)
    track = track_mouth(frames, tracker or MeshTracker(), progress)
    seconds = min(frames.duration, audio.duration)
    if predicted is None:
        curve = predict_opening(audio, seconds)
    else:
        curve = _resampled(np.asarray(predicted, np.float32), predicted_fps or frames.fps, seconds)
    return compare(track, curve, audio)


def measurable(frames: FrameStream, audio: AudioClip) -> None:
    """SettingsError without frames, AudioError without samples: nothing can be said about nothing."""
    if len(frames) == 0:
        raise SettingsError("There are no frames to align. Connect the decoded frames of a clip.")
    if audio.samples.shape[1] == 0:
        raise AudioError(f"{audio.name} is empty. Give the recording that belongs to the frames.")


def compare(track: MouthTrack, predicted: NDArray[np.floating], sound: AudioClip | NDArray[np.floating]) -> SyncReport:
    """The measurement from a mouth track that exists already; `predicted` at CURVE_RATE.  sound: the recording or its `loudness`."""
    times = (np.arange(len(predicted)) / CURVE_RATE).astype(np.float32)
    seen = np.interp(times, np.arange(len(track.opening)) / track.fps, track.opening).astype(np.float32)
    heard, seconds = np.asarray(predicted, np.float32), len(predicted) / CURVE_RATE
    notes = _obstacles(track, predicted)
    stretches = () if notes else _stretches(track, heard)
    drift = fit_drift(np.array([s[2] for s in stretches]), np.array([(s[0] + s[1]) / 2 for s in stretches]), seconds)
    steady = without_drift(heard, CURVE_RATE, drift.ms_per_minute) if drift.trusted else heard
    correlation = match(track, steady)
    offset, height = peak(correlation)
    loud = loudness(sound, len(predicted)) if isinstance(sound, AudioClip) else np.asarray(sound, np.float32)
    heard_loud = without_drift(loud, CURVE_RATE, drift.ms_per_minute) if drift.trusted else loud
    doubts = 0 if notes else dissent(track, heard_loud, offset)
    return SyncReport(
        offset_ms=0.0 if notes else offset,
        confidence=0.0 if notes else confidence(height - DOUBT * doubts, seconds),
        times=times,
        seen=seen,
        predicted=heard,
        loudness=loud,
        lags_ms=LAGS_MS,
        correlation=correlation,
        segments=_segments(stretches),
        drift_ms_per_minute=drift.ms_per_minute,
        found_share=track.found_share,
        notes=notes,
        drifting=drift.trusted,
        doubts=doubts,
    )


def confidence(height: float, seconds: float) -> float:
    """How surely sound and mouth belong together, 0-1, from the height of the correlation's peak and the length compared.

    0.5 lies where the best match with foreign speech lies in about 2 % of clips (measured on rendered clips of 4 to 13 s).
    """
    surplus = height - (_LEAST_HEIGHT + _SHORTNESS / np.sqrt(max(seconds, 0.5)))
    return float(1 / (1 + np.exp(-np.clip(35.0 * surplus, -30, 30))))


def seconds_to_trust(height: float) -> float:
    """How long a clip has to be for a match of this height to be believed; infinite for one that is never."""
    return float((_SHORTNESS / (height - _LEAST_HEIGHT)) ** 2) if height > _LEAST_HEIGHT else float("inf")


def _obstacles(track: MouthTrack, predicted: NDArray[np.floating]) -> tuple[str, ...]:
    notes = []
    seconds = len(predicted) / CURVE_RATE
    if seconds < MIN_SECONDS:
        notes.append(f"Only {seconds:.2f} s of frames and sound; {MIN_SECONDS} s are needed.")
    if track.found_share < MIN_FOUND:
        notes.append(f"A face was seen in only {track.found_share:.0%} of the frames.")
    elif np.ptp(track.opening) < 0.01:
        notes.append("The mouth does not move.")
    if np.ptp(predicted) < 1e-3:
        notes.append("The sound is silent, or nothing in it sounds like speech.")
    return tuple(notes)


def _stretches(
    track: MouthTrack, predicted: NDArray[np.floating]
) -> tuple[tuple[float, float, NDArray[np.float64]], ...]:
    """Start, end and match at every lag of overlapping stretches, in which the whole clip takes part."""
    seconds = len(predicted) / CURVE_RATE
    out = []
    for start in np.arange(0, max(seconds - _SEGMENT_S, 0) + 1e-6, _SEGMENT_STEP_S):
        end = min(seconds, start + _SEGMENT_S)
        part = between(track, round(start * track.fps), round(end * track.fps))
        sound = predicted[round(start * CURVE_RATE) : round(end * CURVE_RATE)]
        if part.found_share >= MIN_FOUND and np.ptp(sound) >= 1e-3:
            out.append((float(start), float(end), match(part, sound)))
    return tuple(out)


def _segments(stretches: tuple[tuple[float, float, NDArray[np.float64]], ...]) -> tuple[Segment, ...]:
    out = []
    for start, end, matched in stretches:
        offset, height = peak(matched)
        out.append(Segment(start, end, offset, confidence(height, end - start)))
    return tuple(out)


def _resampled(values: NDArray[np.float32], fps: float, seconds: float) -> NDArray[np.float32]:
    times = np.arange(max(1, round(seconds * CURVE_RATE))) / CURVE_RATE
    return np.interp(times, np.arange(len(values)) / fps, values).astype(np.float32)


def loudness(audio: AudioClip, count: int) -> NDArray[np.float32]:
    """Peak amplitude of each 1 / CURVE_RATE seconds, `[count]`."""
    edges = np.round(np.arange(count) * (audio.rate / CURVE_RATE)).astype(int)
    mono = np.abs(np.nan_to_num(audio.mono()))
    return np.maximum.reduceat(mono, np.minimum(edges, len(mono) - 1)).astype(np.float32)
