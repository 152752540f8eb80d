"""Lip sync on real speech: learned motion with either encoder, its mouth without diffusion, the acoustic driver, a Rhubarb-like baseline.

    python -m tests.benchmarks.lipsync [--set FOLDER] [--languages FOLDER] [--seeds 2] [--boot 200]

The set holds CLIP.wav (16 kHz mono) with CLIP.json (phones with times); `score.py` beside the folder defines the metrics.
--languages: a folder written by training/synthesise.py (sentences that were not trained on), one row per voice.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
import wave
from collections.abc import Callable
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

Driver = Callable[[AudioClip], dict]
"""A recording -> curves as `score.py` reads them."""


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
    if importlib.util.find_spec("pocketsphinx"):
        drivers["Rhubarb-like"] = rhubarb_like
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
    metrics = score(learned(model, 0), OPEN_SET, 0).metrics
    rows = [
        Row(m, abs(metrics[m]) if m == "lag_pooled_ms" else metrics[m], "", TARGETS[m], m in AT_LEAST) for m in METRICS
    ]
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


def acoustic(clip: AudioClip) -> dict:
    return motion_curves(acoustic_motion(clip, clip.frame_count(FPS), Settings()), FPS)


# What Rhubarb Lip Sync does: all-phone decoding, nine mouth shapes, smoothing.  shape -> phones, opening, rounding
RHUBARB = {
    "A": ("P B M", 0.0, 0.0), "B": ("K S T D N NG CH JH SH ZH Z TH DH Y IY G HH IH EY", 0.3, -0.4), "C": ("EH AE AH UH", 0.65, -0.2),
    "D": ("AA AY AW", 1.0, 0.0), "E": ("AO ER R", 0.6, 0.5), "F": ("UW OW W OY", 0.3, 1.0), "G": ("F V", 0.08, 0.0),
    "H": ("L", 0.4, 0.0), "X": ("SIL", 0.0, 0.0),
}  # fmt: skip


def rhubarb_like(clip: AudioClip) -> dict:
    from pocketsphinx import Decoder, get_model_path

    model = Path(get_model_path()) / "en-us"
    decoder = Decoder(
        hmm=str(model / "en-us"),
        allphone=str(model / "en-us-phone.lm.bin"),
        lm=None,
        lw=2.0,
        beam=1e-20,
        pbeam=1e-20,
        loglevel="FATAL",
    )
    decoder.start_utt()
    decoder.process_raw((np.clip(clip.mono(), -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    shapes = {phone: shape[1:] for shape in RHUBARB.values() for phone in shape[0].split()}
    hundredths = np.zeros((int(clip.duration * 100) + 2, 2))
    for segment in decoder.seg():
        hundredths[segment.start_frame : segment.end_frame + 1] = shapes.get(segment.word, (0.0, 0.0))
    kernel = np.hanning(9)[1:-1] / np.hanning(9).sum()
    opening, rounding = (np.convolve(np.pad(c, 3, mode="edge"), kernel, "valid") for c in hundredths.T)
    at = np.arange(clip.frame_count(FPS)) * 100 / FPS
    index = np.arange(len(opening))
    return {
        "fps": FPS,
        "open": np.interp(at, index, opening).tolist(),
        "round": np.interp(at, index, rounding).tolist(),
        "closed_value": 0.0,
    }


def score(driver: Driver, folder: Path, boot: int, scorer: Path | None = None) -> Scores:
    """Run a driver over the wideband clips of a set."""
    judge = load_scorer(scorer or folder.parent / "score.py")
    metas, curves, seconds, started = [], {}, 0.0, time.process_time()
    for path in sorted(folder.glob("*.json")):
        meta = json.loads(path.read_text())
        if path.name == "MANIFEST.json" or meta.get("narrowband") or not meta.get("labelled"):
            continue
        clip = read_clip(path.with_suffix(".wav"))
        metas.append({**meta, "id": path.stem})
        curves[path.stem] = driver(clip)
        seconds += clip.duration
    cost = (time.process_time() - started) / seconds
    result = judge.score_set(metas, lambda meta: judge.load_pred(curves, meta["id"], FPS), boot=boot, shifted=False)
    return Scores(result["all"], result.get("ci95", {}), cost)


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
