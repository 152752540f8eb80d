"""Golden figures: what alignment, retiming, smoothing, interpolation, paste-back and kept latents come to on small inputs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from sonic_core.audio.clip import AudioClip
from sonic_core.between.flow_interpolation import flow_between
from sonic_core.between.interpolation import interpolated
from sonic_core.engines.base import Conditioning, Latents
from sonic_core.engines.latents_file import load_latents, save_latents
from sonic_core.errors import SettingsError
from sonic_core.frames import FrameStream
from sonic_core.judging.alignment import plan_correction
from sonic_core.judging.clip_hearing import hear_clip
from sonic_core.judging.face_tracker import MeshTracker
from sonic_core.judging.mouth_track import track_mouth
from sonic_core.judging.retiming import Correction, correct_audio
from sonic_core.judging.synchrony import SyncReport, compare, confidence, measure_offset
from sonic_core.portrait.analysis import analyse
from sonic_core.portrait.framing import frame_portrait
from sonic_core.portrait.loading import load_picture
from sonic_core.portrait.networks import load_networks
from sonic_core.samples import PORTRAIT
from sonic_core.settings import Settings
from sonic_core.smoothing.methods import METHODS

from . import curves, faces, video
from .pictures import STORED

FILE = STORED / "figures.json"
LATE_MS = 120


@dataclass(frozen=True)
class Figure:
    """value: number, or word for what is not one.  within: how far a number may be from its golden."""

    value: float | str
    within: float = 0.0

    def differs(self, golden: float | str | None) -> bool:
        if isinstance(self.value, str) or not isinstance(golden, (int, float)):
            return self.value != golden
        return abs(self.value - golden) > self.within


@lru_cache
def figures() -> dict[str, Figure]:
    """Name -> figure."""
    groups = (retiming, latent_lengths, alignment, smoothing, interpolation, pasting)
    return {f"{group.__name__}: {name}": figure for group in groups for name, figure in group()}


Named = Iterator[tuple[str, Figure]]


def retiming() -> Named:
    """How loud tones come out of a change of speed by half a percent, dB."""
    rate, seconds = 16_000, 0.5
    time = np.arange(int(1.1 * seconds * rate)) / rate
    for hertz in (1000, 6500, 7000, 7400, 7600, 7800, 7900):
        tone = AudioClip(np.sin(2 * np.pi * hertz * time)[None].astype(np.float32), rate)
        out = correct_audio(tone, Correction(20.0, 0.005), seconds).samples[0, 400:-400]
        yield f"{hertz} Hz", Figure(round(float(20 * np.log10(np.sqrt(2) * out.std() + 1e-6)), 3), 0.05)


def latent_lengths() -> Named:
    """Which lengths of kept latents are taken for a clip of 101 frames at 25 fps."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "latents.safetensors"
        for fps, lengths in ((25.0, range(96, 107)), (12.5, range(45, 57))):
            taken = [str(count) for count in lengths if _taken(count, fps, file)]
            yield f"at {fps} fps", Figure(", ".join(taken))


def alignment() -> Named:
    """The offset of a rendered clip against its sound and against a foreign one, and what is done about offsets."""
    clip, track = curves.sample(), curves.tracks()["speech"]
    frames = [faces.renderer("photo").render(row) for row in track[: 25 * 4]]
    shown = FrameStream.from_array(np.stack(frames), curves.FPS)
    late = np.pad(clip.samples, ((0, 0), (clip.rate * LATE_MS // 1000, 0)))[:, : 4 * clip.rate]
    report = measure_offset(shown, clip.with_samples(late, "late"))
    foreign = measure_offset(shown, clip.with_samples(clip.samples[:, ::-1][:, : 4 * clip.rate], "backwards"))
    yield "offset, ms", Figure(round(report.offset_ms, 2), 4.0)
    yield "confidence by the plain rule", Figure(round(report.confidence, 3), 0.05)
    heard = compare(track_mouth(shown, MeshTracker()), hear_clip(clip, 4.0).opening, clip)
    yield "offset as the lip reader hears it, ms", Figure(round(heard.offset_ms, 2), 4.0)
    yield "confidence as the lip reader hears it", Figure(round(heard.confidence, 3), 0.05)
    yield "height of the match as the lip reader hears it", Figure(round(float(heard.correlation.max()), 3), 0.02)
    yield "height of the match", Figure(round(float(report.correlation.max()), 3), 0.01)
    yield "height of the match with foreign speech", Figure(round(float(foreign.correlation.max()), 3), 0.02)
    yield "widest opening seen, of the eye distance", Figure(round(float(report.seen.max()), 4), 0.01)
    for height in (0.3, 0.4, 0.5):
        yield f"confidence of a match of {height} in 4 s", Figure(round(confidence(height, 4.0), 4), 0.005)
    yield "corrected from, ms", Figure(next(ms for ms in range(200) if _plan(report, ms) is not None), 0.0)


def smoothing() -> Named:
    """A flickering, grainy second: what each method leaves of flicker and grain, and what it takes from the mouth."""
    clean = np.stack(list(video.second()))[:16]
    rng = np.random.default_rng(5)
    flicker = rng.normal(0, 4, (len(clean), 1, 1, 1))
    shaken = np.clip(clean + flicker + rng.normal(0, 3, clean.shape), 0, 255).round().astype(np.uint8)
    for name, method in METHODS.items():
        smooth = np.stack(list(method(FrameStream.from_array(shaken, 25.0), 0.5))).astype(np.float32)
        change = smooth - clean
        yield f"{name}, flicker left, levels", Figure(round(float(np.diff(change.mean((1, 2, 3))).std()), 3), 0.06)
        yield f"{name}, distance from the clean clip", Figure(round(float(np.abs(change).mean()), 3), 0.04)
        moved = np.abs(np.diff(smooth, axis=0)).mean((1, 2, 3))
        yield f"{name}, motion kept", Figure(round(float(moved.mean()), 3), 0.04)


def interpolation() -> Named:
    """Every second frame made anew from its neighbours."""
    clean = np.stack(list(video.second()))[:13]
    made = list(interpolated(FrameStream.from_array(clean[::2], 12.5), 25.0, flow_between))
    error = np.stack([np.abs(made[i].astype(float) - clean[i]).mean() for i in range(1, 12, 2)])
    yield "mean error, levels", Figure(round(float(error.mean()), 3), 0.03)
    yield "worst frame, levels", Figure(round(float(error.max()), 3), 0.06)


def pasting() -> Named:
    """A crop that comes back brighter by 20 levels: where it lies, and what arrives in the picture, plain and with matched colours."""
    whole = load_picture(PORTRAIT)
    large = analyse(load_networks(), whole, 0, "bundled")
    framed = frame_portrait(large, "paste_back", 256, 0.18)
    assert framed.paste is not None
    x0, y0, x1, y1 = framed.paste.box
    for name, value in zip(("left", "top", "right", "bottom"), framed.paste.box, strict=True):
        yield f"{name} of the box", Figure(value, 2.0)
    brighter = np.clip(framed.portrait.image.astype(int) + 20, 0, 255).astype(np.uint8)
    for name, paste in (("plain", framed.paste), ("matched", framed.paste.matched(brighter))):
        change = (paste.apply(brighter).astype(float) - paste.image).mean(2)[y0:y1, x0:x1]
        row, reach = change[change.shape[0] // 2], len(change) // 50
        yield f"{name}, at the edge", Figure(round(float(row[:reach].mean()), 2), 0.4)
        yield f"{name}, in the box", Figure(round(float(change.mean()), 2), 0.3)
        yield f"{name}, unrest in the box", Figure(round(float(change.std()), 2), 0.3)


def _taken(count: int, fps: float, file: Path) -> bool:
    clip = AudioClip(np.zeros((1, 64_640), np.float32), 16_000)
    made = Conditioning("lite", faces.portrait("photo"), clip, None, 101, 25.0, Settings())
    save_latents(Latents(torch.zeros(count, 2), fps, "lite"), file)
    try:
        load_latents(file, made)
    except SettingsError:
        return False
    return True


def _plan(report: SyncReport, ms: float) -> Correction | None:
    return plan_correction(replace(report, offset_ms=float(ms), confidence=1.0, drifting=False))[0]


def golden() -> dict[str, float | str]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def save() -> None:
    FILE.write_text(json.dumps({k: f.value for k, f in figures().items()}, indent=1) + "\n", encoding="utf-8")


def changed() -> list[str]:
    """A line for every figure that is not what it was."""
    old = golden()
    lines = [
        f"{name}: {figure.value}, was {old.get(name)} (allowed {figure.within})"
        for name, figure in figures().items()
        if figure.differs(old.get(name))
    ]
    return lines + [f"{name} is measured no more" for name in old.keys() - figures().keys()]
