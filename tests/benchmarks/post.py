"""Lip-sync measurement, on clips of the lite engine that speak real recordings.

The recordings are found through SONIC_LIPEVAL_DIR (default ../shared/lipeval), more portraits through SONIC_PORTRAITS_DIR (default
../shared/portraits).  SONIC_POST_CLIPS: clips to make (12).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.loading import load_audio
from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.frames import FrameStream
from sonic_core.hearing.heard_opening import heard_opening
from sonic_core.judging.alignment import shift_audio
from sonic_core.judging.audio_opening import CURVE_RATE, predict_opening
from sonic_core.judging.face_tracker import MeshTracker
from sonic_core.judging.mouth_track import MouthTrack, track_mouth
from sonic_core.judging.synchrony import MIN_CONFIDENCE, SyncReport, compare
from sonic_core.portrait.analysis import load_portrait
from sonic_core.samples import PORTRAIT
from sonic_core.settings import Settings

from .table import Row

TITLE = "Post: lip-sync measurement (512)"
ROOT = Path(__file__).parents[2]
OFFSETS_MS = (-240, -120, -60, 0, 60, 120, 240)
SHORTEST_S = 4.0

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
    if len(recordings) < 2:
        return []
    clips = spoken(recordings)
    return [*sync_rows("rule", clips, predict_opening), *sync_rows("lip reader", clips, lip_reader())]


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
    from sonic_core.hearing.encoder_choice import load_encoder
    from sonic_core.hearing.heard_opening import MEASURING
    from sonic_core.hearing.lip_reader import load_lip_reader

    encoder, reader = load_encoder(MEASURING), load_lip_reader()
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
