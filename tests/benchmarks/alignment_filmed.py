"""Lip-sync measurement on filmed people: what is trusted against plain witnesses, and foreign speech laid under them.

`python -m tests.benchmarks.alignment_filmed FOLDER`: every video in the folder shows one person; recordings beside them (.wav) serve as
foreign speech, as does the sound of the other videos.  Clips of people are not ours to pass on: bring your own, for instance those in
the example folders of public projects for talking heads.  As a part of `python -m tests.benchmarks` the folder is SONIC_FILMED_DIR.

The witnesses share nothing with the lip reader: lip gap of the mesh, and motion of the mouth's picture, each against the rule of loudness
and formants (judging/audio_opening.py).
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sonic_core.audio.loading import load_audio
from sonic_core.curves import gaussian
from sonic_core.errors import SonicError
from sonic_core.judging.audio_opening import CURVE_RATE, predict_opening
from sonic_core.judging.clip_alignment import watch
from sonic_core.judging.clip_hearing import hear_clip, listen
from sonic_core.judging.correlation import correlate, peak
from sonic_core.judging.mouth_track import MouthTrack
from sonic_core.judging.synchrony import MIN_SECONDS, SyncReport, compare
from sonic_core.media.timeline import read_any_timeline
from sonic_core.threads import one_thread

from .table import Row, markdown

TITLE = "Lip-sync measurement on filmed people"
CONFIRMED_MS = 30.0
MOST_SECONDS = 20.0
TREND_S = 0.6


@dataclass(frozen=True)
class Sound:
    """Curves at CURVE_RATE: opening as the lip reader hears it, by the rule, and peak amplitude."""

    name: str
    heard: NDArray[np.float32]
    rule: NDArray[np.float32]
    loudness: NDArray[np.float32]

    @property
    def speech(self) -> bool:
        return bool(np.ptp(self.heard) >= 1e-3)


def measure() -> list[Row]:
    folder = os.environ.get("SONIC_FILMED_DIR")
    if not folder:
        print(f"{TITLE}: skipped, SONIC_FILMED_DIR names no folder of clips.\n")
        return []
    return measure_folder(Path(folder))


def measure_folder(folder: Path) -> list[Row]:
    with one_thread():
        sounds = [sound for path in sorted(folder.glob("*.wav")) if (sound := recorded(path)).speech]
        films = dict(filter(None, map(filmed, sorted(folder.glob("*.mp4")))))
    own = {name: sound for name, (_, sound) in films.items() if sound is not None and sound.speech}
    rows = [Row("clips that speak", len(own), f"of {len(films)}")]
    trusted, confirmed = 0, 0
    for name, sound in own.items():
        track = films[name][0]
        report, said = compared(track, sound), sightings(track, sound)
        seen = [ms for ms in said if abs(ms - report.offset_ms) <= CONFIRMED_MS]
        trusted += report.trusted
        confirmed += report.trusted and bool(seen)
        words = f"{report.offset_ms:5.0f} ms, confidence {report.confidence:.2f}, doubts {report.doubts}; witnesses"
        print(f"{name:28} {words} {said[0]:5.0f} {said[1]:5.0f}", file=sys.stderr)
    rows += [
        Row("trusted", trusted, "clips"),
        Row(f"trusted and confirmed to {CONFIRMED_MS:.0f} ms by a witness", confirmed, "clips", trusted, True),
    ]
    foreign = [
        compared(track, sound).trusted
        for name, (track, _) in films.items()
        for sound in (*sounds, *(other for key, other in own.items() if key != name))
        if min(len(track.opening) / track.fps, len(sound.heard) / CURVE_RATE) >= MIN_SECONDS
    ]
    if foreign:
        refused = 100 * (1 - float(np.mean(foreign)))
        rows.append(Row(f"foreign speech refused ({len(foreign)})", refused, "%", 95, True))
    return rows


def recorded(path: Path) -> Sound:
    audio = load_audio(path, length=MOST_SECONDS)
    heard = hear_clip(audio, MOST_SECONDS)
    return Sound(path.stem, heard.opening, predict_opening(audio), heard.loudness)


def filmed(path: Path) -> tuple[str, tuple[MouthTrack, Sound | None]] | None:
    """The mouth and, where there is one, the sound; None for a film without a face."""
    timeline = read_any_timeline(path)
    sound = None
    if timeline.channels and timeline.shared_seconds >= MIN_SECONDS:
        heard = listen(timeline)
        sound = Sound(path.stem, heard.opening, predict_opening(load_audio(path)), heard.loudness)
    try:
        track = watch(timeline)
    except SonicError as error:
        print(f"{path.name}: {error}", file=sys.stderr)
        return None
    return (path.stem, (track, sound)) if track.found_share > 0.5 else None


def compared(track: MouthTrack, sound: Sound) -> SyncReport:
    count = min(len(sound.heard), round(len(track.opening) / track.fps * CURVE_RATE))
    return compare(track, sound.heard[:count], sound.loudness[:count])


def sightings(track: MouthTrack, sound: Sound) -> tuple[float, float]:
    """The offset in ms that the lip gap sees, and the one that the motion sees."""
    count = min(len(sound.rule), len(sound.heard), round(len(track.opening) / track.fps * CURVE_RATE))
    times, rule = np.arange(count) / CURVE_RATE, detrended(sound.rule[:count])
    frames = np.arange(len(track.mesh)) / track.fps
    known = np.isfinite(track.mesh)
    gap = np.interp(times, frames[known], track.mesh[known])
    motion = np.interp(times, frames - 0.5 / track.fps, track.motion)
    change = np.abs(np.gradient(gaussian(sound.rule[:count], 2)))
    return peak(correlate(detrended(gap), rule))[0], peak(correlate(detrended(motion), detrended(change)))[0]


def detrended(curve: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(curve - gaussian(curve, TREND_S * CURVE_RATE), np.float64)


def main() -> int:
    rows = measure_folder(Path(sys.argv[1]))
    print(markdown(TITLE, rows))
    return int(any(not row.met for row in rows))


if __name__ == "__main__":
    sys.exit(main())
