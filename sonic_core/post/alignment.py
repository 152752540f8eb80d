"""Lip-sync alignment: measure how late the sound is against the mouth in finished frames, and put it right.

Sign: `offset_ms` is positive when the sound is late against the mouth, negative when the mouth is late against the sound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..audio.clip import AudioClip
from ..errors import AudioError, SettingsError
from ..frames import Frame, FrameStream
from ..progress import Progress, ignore
from .audio_opening import CURVE_RATE, predict_opening
from .correlation import LAGS_MS, match, peak
from .face_tracker import MeshTracker
from .mouth_track import FaceTracker, MouthTrack, track_mouth

METHODS = ("shift_audio", "shift_frames")
MIN_CONFIDENCE = 0.5
"""Below this nothing is changed: sound and mouth may not belong together, or too little was seen or heard."""
DEFAULT_TOLERANCE_MS = 30.0
MIN_SECONDS = 1.5
MIN_FOUND = 0.5
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
    drift_ms_per_minute: how fast the offset grows, NaN when it cannot be told.  found_share: share of frames with a face.
    notes: what stood in the way, in plain words.
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

    @property
    def trusted(self) -> bool:
        return self.confidence >= MIN_CONFIDENCE


@dataclass(frozen=True)
class Alignment:
    """Frames and sound after alignment, equally long within half a frame; `report` is the measurement it rests on.

    shift_ms: by how much the sound was moved against the frames (positive = earlier), 0 when nothing was changed.
    """

    frames: FrameStream
    audio: AudioClip
    report: SyncReport
    shift_ms: float
    notes: tuple[str, ...]


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
    if len(frames) == 0:
        raise SettingsError("There are no frames to align. Connect the decoded frames of a clip.")
    if audio.samples.shape[1] == 0:
        raise AudioError(f"{audio.name} is empty. Give the recording that belongs to the frames.")
    track = track_mouth(frames, tracker or MeshTracker(), progress)
    seconds = min(frames.duration, audio.duration)
    if predicted is None:
        curve = predict_opening(audio, seconds)
    else:
        curve = _resampled(np.asarray(predicted, np.float32), predicted_fps or frames.fps, seconds)
    return compare(track, curve, audio)


def compare(track: MouthTrack, predicted: NDArray[np.floating], audio: AudioClip) -> SyncReport:
    """The measurement from a mouth track that exists already; `predicted` at CURVE_RATE."""
    times = (np.arange(len(predicted)) / CURVE_RATE).astype(np.float32)
    seen = np.interp(times, np.arange(len(track.opening)) / track.fps, track.opening).astype(np.float32)
    notes = _obstacles(track, predicted)
    correlation = match(track, predicted)
    offset, height = peak(correlation)
    trusted = 0.0 if notes else confidence(height, len(predicted) / CURVE_RATE)
    segments = () if notes else _segments(track, predicted)
    return SyncReport(
        offset_ms=0.0 if notes else offset,
        confidence=trusted,
        times=times,
        seen=seen,
        predicted=np.asarray(predicted, np.float32),
        loudness=_loudness(audio, len(predicted)),
        lags_ms=LAGS_MS,
        correlation=correlation,
        segments=segments,
        drift_ms_per_minute=_drift(segments),
        found_share=track.found_share,
        notes=notes,
    )


def confidence(height: float, seconds: float) -> float:
    """How surely sound and mouth belong together, 0-1, from the height of the correlation's peak and the length compared.

    0.5 lies where the best match with foreign speech lies in about 5 % of clips (measured on rendered clips of 2 to 20 s).
    """
    surplus = height - (0.10 + 0.54 / np.sqrt(max(seconds, 0.5)))
    return float(1 / (1 + np.exp(-np.clip(35.0 * surplus, -30, 30))))


def align(
    frames: FrameStream,
    audio: AudioClip,
    report: SyncReport,
    method: str = "shift_audio",
    tolerance_ms: float = DEFAULT_TOLERANCE_MS,
) -> Alignment:
    """Remove the measured offset, by moving the sound (exact to a sample) or the frames (to the nearest frame).

    Changes nothing when the report is not trusted or the offset lies within the tolerance, and says so in `notes`.
    """
    if method not in METHODS:
        raise SettingsError(f"method is {method!r}; expected one of {', '.join(METHODS)}.")
    if report.confidence < MIN_CONFIDENCE:
        reason = " ".join(report.notes) or "Sound and mouth do not match well enough."
        note = f"Nothing changed: confidence {report.confidence:.2f} is below {MIN_CONFIDENCE:.2f}. {reason}"
        return Alignment(frames, audio, report, 0.0, (note,))
    found = f"sound {abs(report.offset_ms):.0f} ms {'late' if report.offset_ms > 0 else 'early'}"
    if abs(report.offset_ms) <= tolerance_ms:
        note = f"Nothing changed: {found}, within the tolerance of {tolerance_ms:.0f} ms (confidence {report.confidence:.2f})."
        return Alignment(frames, audio, report, 0.0, (note,))
    if method == "shift_audio":
        moved = round(report.offset_ms / 1000 * audio.rate)
        note = f"Found {found}, moved the sound by {abs(report.offset_ms):.0f} ms (confidence {report.confidence:.2f})."
        return Alignment(frames, shift_audio(audio, moved, frames.duration), report, report.offset_ms, (note,))
    moved = round(report.offset_ms / 1000 * frames.fps)
    note = f"Found {found}, moved the frames by {abs(moved)} (confidence {report.confidence:.2f})."
    fitted = shift_audio(audio, 0, frames.duration)
    return Alignment(shift_frames(frames, moved), fitted, report, 1000 * moved / frames.fps, (note,))


def shift_audio(audio: AudioClip, earlier: int, seconds: float) -> AudioClip:
    """The recording `earlier` samples sooner (negative: later), silence filling up, exactly `seconds` long."""
    wanted = round(seconds * audio.rate)
    if earlier == 0 and abs(audio.samples.shape[1] - wanted) <= audio.rate // 100:
        return audio
    samples = np.zeros((audio.samples.shape[0], wanted), np.float32)
    source = audio.samples[:, max(0, earlier) :]
    first = max(0, -earlier)
    length = max(0, min(source.shape[1], wanted - first))
    samples[:, first : first + length] = source[:, :length]
    return audio.with_samples(samples, f"moved by {-1000 * earlier / audio.rate:+.0f} ms to match the mouth")


def shift_frames(frames: FrameStream, later: int) -> FrameStream:
    """The same number of frames, `later` frames later (negative: sooner); the first or last frame is held to fill up."""

    def start():
        last: Frame | None = None
        made = 0
        for i, frame in enumerate(frames):
            if i == 0:
                for _ in range(min(later, len(frames))):
                    yield frame
                    made += 1
            if made == len(frames):
                return
            last = frame
            if i >= -later:
                yield frame
                made += 1
        while last is not None and made < len(frames):
            yield last
            made += 1

    return replace(frames, start=start)


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


def _segments(track: MouthTrack, predicted: NDArray[np.floating]) -> tuple[Segment, ...]:
    """Offsets of overlapping stretches, in which the whole clip takes part."""
    seconds = len(predicted) / CURVE_RATE
    starts = np.arange(0, max(seconds - _SEGMENT_S, 0) + 1e-6, _SEGMENT_STEP_S)
    out = []
    for start in starts:
        end = min(seconds, start + _SEGMENT_S)
        frames = slice(round(start * track.fps), round(end * track.fps))
        part = replace(
            track,
            opening=track.opening[frames],
            mesh=track.mesh[frames],
            pixels=track.pixels[frames],
            motion=track.motion[frames],
            found=track.found[frames],
        )
        sound = predicted[round(start * CURVE_RATE) : round(end * CURVE_RATE)]
        if part.found_share < MIN_FOUND or np.ptp(sound) < 1e-3:
            continue
        offset, height = peak(match(part, sound))
        out.append(Segment(float(start), float(end), offset, confidence(height, float(end - start))))
    return tuple(out)


def _drift(segments: tuple[Segment, ...]) -> float:
    """Slope of a line through the trusted segments' offsets, ms per minute; NaN with fewer than four of them."""
    trusted = [s for s in segments if s.confidence >= MIN_CONFIDENCE]
    if len(trusted) < 4:
        return float("nan")
    middles = [(s.start_s + s.end_s) / 120 for s in trusted]
    return float(np.polyfit(middles, [s.offset_ms for s in trusted], 1)[0])


def _resampled(values: NDArray[np.float32], fps: float, seconds: float) -> NDArray[np.float32]:
    times = np.arange(max(1, round(seconds * CURVE_RATE))) / CURVE_RATE
    return np.interp(times, np.arange(len(values)) / fps, values).astype(np.float32)


def _loudness(audio: AudioClip, count: int) -> NDArray[np.float32]:
    """Peak amplitude of each 1 / CURVE_RATE seconds."""
    edges = np.round(np.arange(count) * (audio.rate / CURVE_RATE)).astype(int)
    mono = np.abs(np.nan_to_num(audio.mono()))
    return np.maximum.reduceat(mono, np.minimum(edges, len(mono) - 1)).astype(np.float32)
