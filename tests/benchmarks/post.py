"""Lip-sync measurement and temporal smoothing, on clips of the lite engine that speak real recordings.

The recordings are found through SONIC_LIPEVAL_DIR (default ../shared/lipeval), more portraits through SONIC_PORTRAITS_DIR (default
../shared/portraits); without recordings only the smoothing is measured, on the bundled ones.  SONIC_POST_CLIPS: clips to make (12).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.loading import load_audio
from sonic_core.commands.demo import PORTRAIT, SPEECH
from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.engines.lite.heard_opening import heard_opening
from sonic_core.frames import FrameStream
from sonic_core.portrait.analysis import load_portrait
from sonic_core.post.alignment import MIN_CONFIDENCE, SyncReport, compare, shift_audio
from sonic_core.post.audio_opening import CURVE_RATE, predict_opening
from sonic_core.post.face_tracker import MeshTracker
from sonic_core.post.mouth_track import MouthTrack, track_mouth
from sonic_core.post.smoothing import METHODS
from sonic_core.settings import Settings

from .table import Row

TITLE = "Post: lip-sync measurement and temporal smoothing (512)"
ROOT = Path(__file__).parents[2]
OFFSETS_MS = (-240, -120, -60, 0, 60, 120, 240)
SHORTEST_S = 4.0
SMOOTHED_FRAMES = 75
UPPER_LID, LOWER_LID, EYE_CORNERS = (159, 386), (145, 374), (33, 263)

Predict = Callable[[AudioClip], NDArray[np.float32]]


@dataclass(frozen=True)
class Spoken:
    """A rendered clip: its recording and the mouth seen in it."""

    speaker: str
    audio: AudioClip
    track: MouthTrack

    def measured(self, audio: AudioClip, predict: Predict) -> SyncReport:
        """The report on this clip with another sound, as long as both last."""
        count = round(min(len(self.track.opening) / self.track.fps, audio.duration) * CURVE_RATE)
        return compare(self.track, predict(audio)[:count], audio)


def measure() -> list[Row]:
    recordings = lipeval_recordings()
    rows = smoothing_rows(load_audio(recordings[0] if recordings else SPEECH))
    if len(recordings) < 2:
        return rows
    clips = spoken(recordings)
    return [*sync_rows("rule", clips, predict_opening), *sync_rows("lip reader", clips, lip_reader()), *rows]


def lipeval_recordings() -> list[Path]:
    """Recordings of at least SHORTEST_S, spread over the speakers."""
    folder = Path(os.environ.get("SONIC_LIPEVAL_DIR", ROOT.parent / "shared" / "lipeval")) / "open"
    wanted = int(os.environ.get("SONIC_POST_CLIPS", "12"))
    long = [path for path in sorted(folder.glob("*.wav")) if load_audio(path).duration >= SHORTEST_S]
    return long[:: max(1, len(long) // wanted)][:wanted]


def portraits() -> list[Path]:
    folder = Path(os.environ.get("SONIC_PORTRAITS_DIR", ROOT.parent / "shared" / "portraits"))
    others = [path for name in ("hair", "anime1") if (path := folder / f"{name}.png").is_file()]
    return [PORTRAIT, *others]


def rendered(portrait: Path, audio: AudioClip) -> FrameStream:
    engine, settings = LiteEngine(), Settings()
    conditioning = engine.prepare(load_portrait(portrait), audio, settings)
    return engine.decode(conditioning, engine.sample(conditioning, settings))


def spoken(recordings: list[Path]) -> list[Spoken]:
    clips = []
    for path, portrait in zip(recordings, cycle(portraits()), strict=False):
        audio = load_audio(path)
        clips.append(Spoken(path.stem.split("-")[0], audio, track_mouth(rendered(portrait, audio), MeshTracker())))
    return clips


def lip_reader() -> Predict:
    from sonic_core.audio.encoders import WhisperEncoder
    from sonic_core.engines.lite.lip_reader import LipReader

    encoder, reader = WhisperEncoder.load(), LipReader.load()
    return lambda audio: heard_opening(audio, encoder, reader)


def sync_rows(name: str, clips: list[Spoken], predict: Predict) -> list[Row]:
    """Injected offsets found, and foreign sound recognised, with one source of the predicted opening."""
    errors, trust = [], []
    for clip in clips:
        for offset in OFFSETS_MS:
            late = shift_audio(clip.audio, -round(offset / 1000 * clip.audio.rate), clip.audio.duration)
            report = clip.measured(late, predict)
            errors.append(report.offset_ms - offset)
            trust.append(report.trusted)
    foreign = [
        clip.measured(other.audio, predict).confidence < MIN_CONFIDENCE
        for clip in clips
        for other in clips
        if other.speaker != clip.speaker
    ]
    size = np.abs(errors)
    return [
        Row(f"{name}: offsets found within 20 ms ({len(errors)})", 100 * np.mean(size <= 20), "%", 95, at_least=True),
        Row(f"{name}: median error", float(np.median(size)), "ms", 10),
        Row(f"{name}: bias", float(np.median(errors)), "ms"),
        Row(f"{name}: own sound trusted", 100 * np.mean(trust), "%"),
        Row(f"{name}: foreign sound not trusted ({len(foreign)})", 100 * np.mean(foreign), "%", 90, at_least=True),
    ]


class Face:
    """Mesh tracker that also notes how far the eyes are open."""

    def __init__(self) -> None:
        self.tracker, self.lids = MeshTracker(), []

    def __call__(self, frame: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        points = self.tracker(frame)
        if points is not None:
            gap = np.linalg.norm(points[list(UPPER_LID), :2] - points[list(LOWER_LID), :2], axis=1).mean()
            self.lids.append(gap / np.linalg.norm(np.subtract(*points[list(EYE_CORNERS), :2])))
        return points


def smoothing_rows(audio: AudioClip) -> list[Row]:
    audio = audio.with_samples(audio.samples[:, : round(SMOOTHED_FRAMES / 25 * audio.rate)])
    clean = np.stack(list(rendered(PORTRAIT, audio)))
    flicker = np.random.default_rng(0).normal(0, 2, len(clean))
    flickering = np.clip(np.rint(clean + flicker[:, None, None, None]), 0, 255).astype(np.uint8)
    face = Face()
    mouth = track_mouth(FrameStream.from_array(clean, 25), face).opening
    rows = []
    for name in ("ema", "flow_ema", "median3"):
        started = time.process_time()
        calmed = smoothed(name, flickering)
        spent = time.process_time() - started
        seen = Face()
        after = track_mouth(FrameStream.from_array(smoothed(name, clean), 25), seen).opening
        strict = name != "median3"
        rows += [
            Row(
                f"{name}: flicker from frame to frame removed",
                100 * (1 - jitter(calmed, clean) / jitter(flickering, clean)),
                "%",
                60 if strict else None,
                at_least=True,
            ),
            Row(
                f"{name}: flicker removed, rms against the clean clip",
                100 * (1 - difference(calmed, clean) / difference(flickering, clean)),
                "%",
            ),
            Row(f"{name}: mouth amplitude kept", 100 * float(after.std() / mouth.std()), "%", 95, at_least=True),
            Row(f"{name}: lag of the mouth", abs(lag_ms(mouth, after)), "ms", 5),
            Row(f"{name}: blink depth kept", 100 * blink_kept(face.lids, seen.lids), "%", 90, at_least=True),
            Row(
                f"{name}: CPU time", len(clean) / spent, "fps", {"ema": 25.0, "flow_ema": 10.0}.get(name), at_least=True
            ),
        ]
    return rows


def smoothed(name: str, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.stack(list(METHODS[name](FrameStream.from_array(frames, 25), 0.5)))


def difference(frames: NDArray[np.uint8], clean: NDArray[np.uint8]) -> float:
    pairs = zip(frames, clean, strict=True)
    return float(np.sqrt(np.mean([np.mean((a.astype(np.float32) - b) ** 2) for a, b in pairs])))


def jitter(frames: NDArray[np.uint8], clean: NDArray[np.uint8]) -> float:
    """Root mean square change, from frame to frame, of 32 x 32 luma cells beyond that of the clean clip."""
    small = [
        cv2.resize(cv2.cvtColor(a, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
        - cv2.resize(cv2.cvtColor(b, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
        for a, b in zip(frames, clean, strict=True)
    ]
    return float(np.sqrt(np.mean(np.diff(small, axis=0) ** 2)))


def lag_ms(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Shift of `after` against `before`, from the slope: exact for small shifts of a smooth curve."""
    slope = np.gradient(before - before.mean())
    return float(-40 * (slope @ (after - before)) / (slope @ slope))


def blink_kept(before: list[float], after: list[float]) -> float:
    closed = int(np.argmin(before))
    usual = float(np.median(before))
    return (usual - min(after[max(0, closed - 1) : closed + 2])) / (usual - before[closed])
