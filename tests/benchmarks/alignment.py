"""Lip-sync alignment end to end: offsets injected into clips of the lite engine that speak real recordings, found and corrected.

`python -m tests.benchmarks.alignment [--recordings DIR] [--portraits DIR] [--clips N] [--files N] [--keep DIR]` prints the table; as a
part of `python -m tests.benchmarks` the directories come from SONIC_LIPEVAL_DIR and SONIC_PORTRAITS_DIR.  Short utterances of one speaker
are joined until they last 4 s.  Every clip is written as an mp4 and read back from it.

Truth is the shift of the sound.  The curve that measures ("lip reader") is the one that moves the lite engine's mouth: its figures say
how well the measurement sees a mouth, not how well that network knows lips.  The rows "rule" use a curve that shares nothing with the
engine (loudness and formants, judging/audio_opening.py), the rows "labels" one from the recordings' phone timings where they are.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.loading import load_audio
from sonic_core.curves import gaussian
from sonic_core.engines.registry import load_engine
from sonic_core.hearing.encoder_choice import load_encoder
from sonic_core.hearing.heard_opening import MEASURING, heard_opening
from sonic_core.hearing.lip_reader import load_lip_reader
from sonic_core.job import Job
from sonic_core.judging.alignment import DEFAULT_TOLERANCE_MS, shift_audio
from sonic_core.judging.audio_opening import CURVE_RATE, predict_opening
from sonic_core.judging.clip_alignment import align_clip, watch
from sonic_core.judging.mouth_track import MouthTrack
from sonic_core.judging.synchrony import MIN_CONFIDENCE, compare, loudness
from sonic_core.media.remux import replace_sound
from sonic_core.media.timeline import read_timeline
from sonic_core.pipeline import Loaded, generate
from sonic_core.portrait.analysis import load_portrait
from sonic_core.samples import PORTRAIT
from sonic_core.settings import Settings
from sonic_core.threads import one_thread

from .table import Row, markdown

TITLE = "Lip-sync alignment: injected offsets found, corrected, foreign sound refused"
ROOT = Path(__file__).parents[2]
OFFSETS_MS = (-240, -180, -120, -60, 60, 120, 180, 240)
SHORTEST_S = 4.0
OTHER_PORTRAITS = ("hair", "statue")
FOREIGN_PER_CLIP = 12
# How far the inner lips stand apart in a sound, 0-1 (as far as phone labels can say).
OPENINGS = dict.fromkeys("AA AE AO AW AY".split(), 1.0) | dict.fromkeys("AH EH EY OW OY HH".split(), 0.7)  # noqa: SIM905
OPENINGS |= dict.fromkeys("IH IY ER UH UW L R Y K G NG T D N".split(), 0.4) | dict.fromkeys("P B M SIL".split(), 0.0)  # noqa: SIM905
OTHERS_OPEN = 0.25

Curve = NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """Utterances of one speaker, at least SHORTEST_S long.  labels: opening by the phone labels, None without them."""

    name: str
    speaker: str
    audio: AudioClip
    labels: Curve | None


@dataclass(frozen=True)
class Clip:
    recording: Recording
    file: Path
    track: MouthTrack
    curves: dict[str, Curve]

    def measured(self, name: str, late_ms: float = 0.0, of: Clip | None = None):
        """The report with the sound of a clip (its own by default) as the curve `name` knows it, `late_ms` after the mouth."""
        sound = of or self
        curves = sound.curves[name], loudness(sound.recording.audio, len(sound.curves[name]))
        count = min(len(curves[0]), round(len(self.track.opening) / self.track.fps * CURVE_RATE))
        times = np.arange(count) / CURVE_RATE - late_ms / 1000
        moved = [np.interp(times, np.arange(len(curve)) / CURVE_RATE, curve, left=0.0, right=0.0) for curve in curves]
        return compare(self.track, *(curve.astype(np.float32) for curve in moved))


def measure() -> list[Row]:
    recordings = Path(os.environ.get("SONIC_LIPEVAL_DIR", ROOT.parent / "shared" / "lipeval")) / "open"
    portraits = Path(os.environ.get("SONIC_PORTRAITS_DIR", ROOT.parent / "shared" / "portraits"))
    return measure_set(recordings, portraits, int(os.environ.get("SONIC_ALIGN_CLIPS", "12")), files=3)


def measure_set(folder: Path, portraits: Path, wanted: int, files: int, keep: Path | None = None) -> list[Row]:
    """wanted: clips to make, spread over the recordings, 0 = every recording with every portrait.  files: how many go through `align`."""
    recordings = load_recordings(folder)
    if not recordings:
        print(f"{TITLE}: skipped, no recordings with a MANIFEST.json in {folder}.\n")
        return []
    pictures = [PORTRAIT, *(path for name in OTHER_PORTRAITS if (path := portraits / f"{name}.png").is_file())]
    count, step = wanted or len(recordings) * len(pictures), max(1, len(recordings) // (wanted or len(recordings)))
    turns = [divmod(j * step, len(recordings)) for j in range(count)]
    pairs = [(recordings[i], pictures[(j + turn) % len(pictures)]) for j, (turn, i) in enumerate(turns)]
    with tempfile.TemporaryDirectory() as scratch, one_thread():
        clips = make_clips(pairs, keep or Path(scratch))
        rows = [Row("clips", len(clips), f"of {min(c.recording.audio.duration for c in clips):.1f} s and more")]
        for name in ("lip reader", "rule", "labels"):
            rows += offset_rows(name, [clip for clip in clips if name in clip.curves], strict=name == "lip reader")
        return [
            *rows,
            *foreign_rows(clips),
            *file_rows(clips[:: max(1, len(clips) // max(1, files))][:files], Path(scratch)),
        ]


def load_recordings(folder: Path) -> list[Recording]:
    manifest = folder / "MANIFEST.json"
    if not manifest.is_file():
        return []
    by_speaker: dict[str, list[str]] = defaultdict(list)
    for entry in json.loads(manifest.read_text(encoding="utf-8")):
        if (folder / f"{entry['id']}.wav").is_file():
            by_speaker[entry["speaker"]].append(entry["id"])
    out = []
    for speaker, names in by_speaker.items():
        held: list[str] = []
        for name in names:
            held.append(name)
            clips = [load_audio(folder / f"{n}.wav") for n in held]
            if sum(clip.duration for clip in clips) >= SHORTEST_S:
                samples = np.concatenate([clip.samples for clip in clips], axis=1)
                curves = [label_curve(folder / f"{n}.json", clip.duration) for n, clip in zip(held, clips, strict=True)]
                labels = None if any(curve is None for curve in curves) else np.concatenate(curves)
                out.append(Recording("+".join(held), speaker, AudioClip(samples, clips[0].rate, held[0]), labels))
                held = []
    return out


def label_curve(path: Path, seconds: float) -> Curve | None:
    """Opening by phone labels; None where the file has none."""
    phones = json.loads(path.read_text(encoding="utf-8")).get("phones") if path.is_file() else None
    if not phones:
        return None
    curve = np.zeros(round(seconds * CURVE_RATE), np.float32)
    for phone in phones:
        first, last = (round(phone[key] * CURVE_RATE) for key in ("start", "end"))
        curve[first:last] = OPENINGS.get(phone["phone"].rstrip("012"), OTHERS_OPEN)
    return gaussian(curve, 0.03 * CURVE_RATE).astype(np.float32)


def make_clips(pairs: Sequence[tuple[Recording, Path]], folder: Path) -> list[Clip]:
    engine, encoder, reader = load_engine("lite"), load_encoder(MEASURING), load_lip_reader()
    portraits = {path: load_portrait(path) for path in dict.fromkeys(path for _, path in pairs)}
    heard: dict[str, dict[str, Curve]] = {}
    clips = []
    for i, (recording, path) in enumerate(pairs):
        if recording.name not in heard:
            heard[recording.name] = {
                "lip reader": heard_opening(recording.audio, encoder, reader),
                "rule": predict_opening(recording.audio),
                **({} if recording.labels is None else {"labels": recording.labels}),
            }
        file = folder / f"{i:03d}_{path.stem}.mp4"
        job = Job(None, None, file, Settings(seed=i), overwrite=True)
        generate(job, Loaded(engine, portraits[path], recording.audio))
        clips.append(Clip(recording, file, watch(read_timeline(file)), heard[recording.name]))
        print(f"\r{i + 1} of {len(pairs)} clips made", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return clips


def offset_rows(name: str, clips: list[Clip], strict: bool) -> list[Row]:
    if not clips:
        return []
    errors, trust = [], []
    for clip in clips:
        for late in OFFSETS_MS:
            report = clip.measured(name, late)
            errors.append(abs(report.offset_ms - late))
            trust.append(report.trusted)
    still = [clip.measured(name) for clip in clips]
    untouched = [abs(r.offset_ms) <= DEFAULT_TOLERANCE_MS or not r.trusted for r in still]
    trusted = np.array(errors)[np.array(trust)]

    def target(value: float) -> float | None:
        return value if strict else None

    return [
        Row(
            f"{name}: offsets found within 20 ms ({len(errors)})",
            percent(np.array(errors) <= 20),
            "%",
            target(95),
            True,
        ),
        Row(f"{name}: median error", float(np.median(errors)), "ms", target(10)),
        Row(f"{name}: own sound trusted", percent(trust), "%"),
        Row(
            f"{name}: left after correction, 95 % of trusted",
            float(np.quantile(trusted, 0.95)) if len(trusted) else np.nan,
            "ms",
            target(20),
        ),
        Row(f"{name}: clips in sync left as they are ({len(still)})", percent(untouched), "%", target(100), True),
        Row(f"{name}: bias in sync", float(np.median([r.offset_ms for r in still])), "ms"),
    ]


def foreign_rows(clips: list[Clip]) -> list[Row]:
    """Sound of other speakers, each clip with some of them, drawn once and for all."""
    rng = np.random.default_rng(0)
    rows = []
    for name in ("lip reader", "rule"):
        refused = []
        for clip in clips:
            others = [other for other in clips if other.recording.speaker != clip.recording.speaker]
            for k in rng.permutation(len(others))[:FOREIGN_PER_CLIP]:
                refused.append(clip.measured(name, of=others[k]).confidence < MIN_CONFIDENCE)
        rows.append(Row(f"{name}: foreign sound refused ({len(refused)})", percent(refused), "%", 90, at_least=True))
    return rows


def file_rows(clips: list[Clip], folder: Path) -> list[Row]:
    """The whole way through files: sound shifted in the mp4, `align`, and the shift that is left between old and new sound."""
    left, ends = [], []
    for i, clip in enumerate(clips):
        late = OFFSETS_MS[i * 3 % len(OFFSETS_MS)]
        timeline, audio = read_timeline(clip.file), clip.recording.audio
        moved = shift_audio(audio, -round(late / 1000 * audio.rate), timeline.end)
        file = replace_sound(timeline, [moved.samples], folder / f"late_{i}.mp4")
        done = align_clip(file, folder / f"fixed_{i}.mp4")
        left.append(abs(late - done.shift_ms) if done.output else abs(late))
        if done.output:
            fixed = read_timeline(done.output)
            shifted = lag_ms(audio, load_audio(done.output))
            left[-1] = abs(shifted)
            ends.append(abs(fixed.end - fixed.sound_end) * fixed.fps)
    if not left:
        return []
    return [
        Row(f"files: |offset| against the truth after `align`, worst of {len(left)}", max(left), "ms", 20),
        Row("files: picture and sound end apart, worst", max(ends, default=0.0), "frames", 0.5),
    ]


def lag_ms(reference: AudioClip, sound: AudioClip) -> float:
    """How late `sound` is against `reference`, from the waveforms' cross-correlation."""
    a, b = reference.mono(), sound.mono()
    size = 1 << (len(a) + len(b)).bit_length()
    match = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    lag = int(np.argmax(match))
    return 1000 * (lag if lag < size // 2 else lag - size) / reference.rate


def percent(values: Sequence[bool] | NDArray[np.bool_]) -> float:
    return 100 * float(np.mean(values))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=TITLE)
    parser.add_argument("--recordings", type=Path, default=ROOT.parent / "shared" / "lipeval" / "open")
    parser.add_argument("--portraits", type=Path, default=ROOT.parent / "shared" / "portraits")
    parser.add_argument("--clips", type=int, default=0, help="0 = every recording with every portrait")
    parser.add_argument("--files", type=int, default=8, help="clips that go through `align` from file to file")
    parser.add_argument("--keep", type=Path, help="folder in which the clips stay")
    args = parser.parse_args(arguments)
    rows = measure_set(args.recordings, args.portraits, args.clips, args.files, args.keep)
    print(markdown(TITLE, rows))
    return int(any(not row.met for row in rows))


if __name__ == "__main__":
    sys.exit(main())
