"""Lip sync on real speech: learned motion with either encoder, its mouth without diffusion, the acoustic driver, and peers (peers/).

    python -m tests.benchmarks.lipsync [--set FOLDER] [--languages FOLDER] [--seeds 2] [--boot 200]

The set holds CLIP.wav (16 kHz mono) with CLIP.json (phones with times); `score.py` beside the folder defines the metrics.
--languages: a folder written by training/synthesise.py (sentences that were not trained on), one row per voice.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray

from sonic_core.audio.clip import AudioClip
from sonic_core.engines.lite.lip_parting import parted_as_heard
from sonic_core.engines.lite.motion import SpeechMotion, learned_motion
from sonic_core.engines.lite.motion_curves import motion_curves
from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETERS
from sonic_core.hearing.encoder_choice import DEFAULT_ENCODER, ENCODERS, load_encoder
from sonic_core.hearing.lip_motion import MOUTH, lip_motion
from sonic_core.settings import Settings

from .acoustic.motion import acoustic_motion
from .peers import Driver, peers
from .table import Row, markdown

TITLE = "Lip sync (open set, wideband clips)"
FPS = 25.0
OPEN_SET = Path(__file__).parents[3] / "shared" / "lipeval" / "open"
METRICS = ("bil_f1", "bil_auc", "rho_speech", "lag_pooled_ms", "still_open", "round_auc")
TARGETS = {
    "bil_f1": 0.82,
    "bil_auc": 0.95,
    "rho_speech": 0.80,
    "lag_pooled_ms": 10,
    "still_open": 0.10,
    "round_auc": 0.96,
}
AT_LEAST = {"bil_f1", "bil_auc", "rho_speech", "round_auc"}
LANGUAGES_RHO = 0.65
NO_SPEECH = 0.12
REAL_TIME_FACTOR = 0.10


@dataclass(frozen=True)
class Scores:
    """Metrics of one driver, their 95 % intervals over speakers, and CPU seconds per second of audio."""

    metrics: dict[str, float]
    intervals: dict[str, list[float]]
    cost: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, default=OPEN_SET)
    parser.add_argument("--languages", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--boot", type=int, default=200)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = SpeechMotion.load()
    drivers = {f"learned, seed {seed}": learned(model, seed) for seed in range(args.seeds)}
    drivers["lip reader, no diffusion"] = read_only(model)
    for name in ENCODERS:
        if name != DEFAULT_ENCODER:
            other = SpeechMotion.load(load_encoder(name))
            drivers |= {f"learned, {name}": learned(other, 0), f"lip reader, {name}, no diffusion": read_only(other)}
    drivers["acoustic driver"] = acoustic
    found, missing = peers()
    drivers |= found
    print("\n".join(missing))
    print("| driver | " + " | ".join(METRICS) + " | CPU s per s |\n|" + "---|" * (len(METRICS) + 2))
    for name, driver in drivers.items():
        scores = score(driver, args.set, args.boot)
        cells = [cell(scores, metric) for metric in METRICS]
        print(f"| {name} | " + " | ".join(cells) + f" | {scores.cost:.3f} |", flush=True)
    print(markdown("No speech and cost", no_speech(model, args.set)))
    if args.languages:
        print("| voice | " + " | ".join(METRICS) + " |\n|" + "---|" * (len(METRICS) + 1))
        for folder in sorted(p for p in args.languages.iterdir() if p.is_dir()):
            scores = score(learned(model, 0), folder, 0, args.set.parent / "score.py")
            print(f"| {folder.name} | " + " | ".join(cell(scores, metric) for metric in METRICS) + " |", flush=True)


def measure() -> list[Row]:
    """Rows with the targets, for `python -m tests.benchmarks lipsync`."""
    if not OPEN_SET.is_dir():
        return []
    torch.set_num_threads(1)
    model = SpeechMotion.load()
    ours = score(learned(model, 0), OPEN_SET, 0)
    metrics = ours.metrics
    rows = [
        Row(m, abs(metrics[m]) if m == "lag_pooled_ms" else metrics[m], "", TARGETS[m], m in AT_LEAST) for m in METRICS
    ]
    found, missing = peers()
    print("\n".join(missing))
    for name, driver in {"loudness": loudness, "acoustic driver": acoustic, **found}.items():
        theirs = score(driver, OPEN_SET, 0)
        shown = {m: value for m in METRICS if np.isfinite(value := theirs.metrics[m])}
        rows += [Row(f"peer, {name}: {m}", value, "") for m, value in shown.items()]
        rows.append(Row(f"peer, {name}: CPU seconds per second", theirs.cost, ""))
    return rows + no_speech(model, OPEN_SET)


def learned(model: SpeechMotion, seed: int) -> Driver:
    def drive(clip: AudioClip) -> dict:
        settings = Settings(seed=seed)
        return motion_curves(learned_motion(clip, clip.frame_count(FPS), settings, FPS, model=model), FPS)

    return drive


def read_only(model: SpeechMotion) -> Driver:
    """The mouth that the lip reader commands, before the denoiser."""

    def drive(clip: AudioClip) -> dict:
        count = clip.frame_count(FPS)
        track = np.zeros((count, len(PARAMETERS)), np.float32)
        mouth = lip_motion(model.listen(clip, count).articulation, count, FPS)
        for column, name in enumerate(MOUTH):
            track[:, PARAMETER_INDEX[name]] = mouth[:, column]
        return motion_curves(parted_as_heard(track), FPS)

    return drive


def loudness(clip: AudioClip) -> dict:
    """The mouth as wide as the sound is loud: what any lip sync has to beat."""
    parts = np.array_split(clip.mono(), clip.frame_count(FPS))
    return {"fps": FPS, "open": [float(np.sqrt(np.mean(part**2))) for part in parts], "closed_value": 0.0}


def acoustic(clip: AudioClip) -> dict:
    return motion_curves(acoustic_motion(clip, clip.frame_count(FPS), Settings()), FPS)


def score(driver: Driver, folder: Path, boot: int, scorer: Path | None = None) -> Scores:
    """Run a driver over the wideband clips of a set."""
    judge = load_scorer(scorer or folder.parent / "score.py")
    metas, curves, seconds, started = [], {}, 0.0, _cpu_seconds()
    for path in sorted(folder.glob("*.json")):
        meta = json.loads(path.read_text())
        if path.name == "MANIFEST.json" or meta.get("narrowband") or not meta.get("labelled"):
            continue
        clip = read_clip(path.with_suffix(".wav"))
        metas.append({**meta, "id": path.stem})
        curves[path.stem] = driver(clip)
        seconds += clip.duration
    cost = (_cpu_seconds() - started) / seconds
    result = judge.score_set(metas, lambda meta: judge.load_pred(curves, meta["id"], FPS), boot=boot, shifted=False)
    return Scores(result["all"], result.get("ci95", {}), cost)


def _cpu_seconds() -> float:
    """Of this process and of those that it has started."""
    return sum(os.times()[:4])


def no_speech(model: SpeechMotion, folder: Path) -> list[Row]:
    """Opening on music, noise and silence against the opening in speech; cost of the whole way from audio to motion."""
    from training.augment import no_speech as sounds

    settings = Settings()
    speech = [read_clip(p) for p in sorted(folder.glob("ls_*.wav"))[:6]]
    started = time.process_time()
    opened = [np.array(learned(model, 0)(clip)["open"]) for clip in speech]
    cost = (time.process_time() - started) / sum(clip.duration for clip in speech)
    usual = float(np.mean(np.concatenate(opened)))
    torch.manual_seed(1)
    samples = sounds(12, 160_000, np.random.default_rng(1)).numpy().astype(np.float32)
    quiet = [motion_curves(learned_motion(_clip(s), 250, settings, model=model), FPS)["open"] for s in samples]
    return [
        Row("opening on music, noise, silence, of that in speech", float(np.mean(quiet)) / usual, "", NO_SPEECH),
        Row("the worst of 12 such recordings", float(np.mean(quiet, 1).max()) / usual, ""),
        Row("audio to motion, CPU seconds per second", cost, "", REAL_TIME_FACTOR),
    ]


def cell(scores: Scores, metric: str) -> str:
    value, interval = scores.metrics[metric], scores.intervals.get(metric)
    form = "{:+.0f}" if metric == "lag_pooled_ms" else "{:.3f}"
    text = form.format(value)
    return f"{text} [{form.format(interval[0])}, {form.format(interval[1])}]" if interval else text


def read_clip(path: Path) -> AudioClip:
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
    return _clip(samples, path.stem)


def _clip(samples: NDArray[np.float32], name: str = "audio") -> AudioClip:
    return AudioClip(np.clip(samples, -1, 1)[None], 16_000, name)


def load_scorer(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("lip_score", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
