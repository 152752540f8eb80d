"""How near the presets of an engine come to its reference, on the bundled sample: SSIM, PSNR, and whether the mouth opens alike."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engines.registry import declaration
from ..errors import OutputError, SettingsError
from ..frames import Frame, FrameStream
from ..job import Job
from ..judging.face_tracker import MeshTracker
from ..judging.mouth_track import track_mouth
from ..media.encoding import Encoding
from ..media.reader import read_frames
from ..pipeline import generate, load
from ..progress import Progress, ignore
from ..samples import PORTRAIT, SPEECH
from ..settings import Settings

REFERENCE = "reference"
FINE = Encoding(crf=8)
"""Of the clips, which browsers still show: what encoding adds lies far under what presets change."""
SSIM_SIGMA, SSIM_K1, SSIM_K2 = 1.5, 0.01, 0.03  # Wang et al. 2004
MOST_PSNR = 99.0  # dB, told for equal pictures
CHOICES = ("preset", REFERENCE)


@dataclass(frozen=True)
class Nearness:
    """One clip beside the reference: means over its frames.  mouth: correlation of the mouth's opening, NaN where no face is seen.

    seconds: that making it took.  file: its name.
    """

    name: str
    file: str
    seconds: float
    ssim: float
    psnr: float
    mouth: float


@dataclass(frozen=True)
class Comparison:
    """engine: its name.  clips: the reference first."""

    engine: str
    clips: tuple[Nearness, ...]

    def as_json(self) -> dict[str, Any]:
        """Numbers that are not known are null."""
        told = [asdict(clip) for clip in self.clips]
        clips = [{key: None if value != value else value for key, value in clip.items()} for clip in told]
        return {"engine": self.engine, "clips": clips}

    def lines(self) -> list[str]:
        head = f"{'':10}  {'SSIM':>7}  {'PSNR, dB':>8}  {'mouth':>6}  {'made in, s':>10}"
        return [head, *(f"{clip.name:10}  {'  '.join(clip_cells(clip))}" for clip in self.clips)]


def clip_cells(clip: Nearness) -> tuple[str, str, str, str]:
    mouth = "-" if math.isnan(clip.mouth) else f"{clip.mouth:.3f}"
    return f"{clip.ssim:7.4f}", f"{clip.psnr:8.2f}", f"{mouth:>6}", f"{clip.seconds:10.1f}"


def compare(
    engine: str,
    options: Mapping[str, Any],
    folder: Path,
    progress: Progress = ignore,
    settings: Settings | None = None,
    recording: Path = SPEECH,
) -> Comparison:
    """Make the bundled portrait speak `recording` once with the reference and once with each preset, into `folder`, and compare.

    options: the engine's, but for those that are compared.  Raises SettingsError, OutputError and what making a clip raises.
    """
    preset = declaration(engine).option("preset")
    names = preset.choices if preset else ()
    if given := [name for name in CHOICES if options.get(name)]:
        raise SettingsError(
            f"{', '.join(given)} is given, but every preset is compared with the reference. Leave it out."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error}); name another folder.") from error
    variants: dict[str, dict[str, Any]] = {REFERENCE: {REFERENCE: True}, **{name: {"preset": name} for name in names}}
    clips: list[Nearness] = []
    base: FrameStream | None = None
    opening: NDArray[np.float32] | None = None
    for name, own in variants.items():
        job = Job(
            PORTRAIT,
            recording,
            folder / f"{name}.mp4",
            settings or Settings(),
            engine,
            {**options, **own},
            overwrite=True,
        )
        job = replace(job, encoding=FINE)
        start = time.perf_counter()
        made = generate(job, load(job, progress), progress)
        seconds = time.perf_counter() - start
        frames = read_frames(made.path)
        moved = track_mouth(frames, MeshTracker(), progress)
        seen = moved.opening if moved.found_share > 0.5 else None
        if base is None:
            base, opening = frames, seen
        ssim, psnr = likeness(base, frames)
        clips.append(Nearness(name, made.path.name, seconds, ssim, psnr, correlation(opening, seen)))
    return Comparison(engine, tuple(clips))


def likeness(reference: FrameStream, frames: FrameStream) -> tuple[float, float]:
    """Mean SSIM and PSNR (dB) of two clips, frame by frame, at the reference's size."""
    size = (reference.width, reference.height)
    values = []
    for one, other in zip(reference, frames, strict=False):
        same = other if other.shape == one.shape else cv2.resize(other, size, interpolation=cv2.INTER_AREA)
        values.append((ssim(one, np.asarray(same, np.uint8)), psnr(one, np.asarray(same, np.uint8))))
    mean = np.mean(values, axis=0)
    return float(mean[0]), float(mean[1])


def ssim(one: Frame, other: Frame) -> float:
    """Structural similarity of two RGB pictures by their luma (Wang et al. 2004), 1 = equal."""
    x, y = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float64) for frame in (one, other))

    def blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(values, (11, 11), SSIM_SIGMA), np.float64)

    c1, c2 = (SSIM_K1 * 255) ** 2, (SSIM_K2 * 255) ** 2
    mx, my = blurred(x), blurred(y)
    vx, vy, cov = blurred(x * x) - mx * mx, blurred(y * y) - my * my, blurred(x * y) - mx * my
    return float(np.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))))


def psnr(one: Frame, other: Frame) -> float:
    """Peak signal-to-noise ratio in dB, MOST_PSNR for equal pictures."""
    error = np.mean((one.astype(np.float64) - other) ** 2)
    return MOST_PSNR if error == 0 else min(MOST_PSNR, float(10 * np.log10(255**2 / error)))


def correlation(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> float:
    """Of two curves as far as both go; NaN where one is missing or flat."""
    if one is None or other is None:
        return math.nan
    length = min(len(one), len(other))
    a, b = one[:length], other[:length]
    if length < 2 or np.ptp(a) < 1e-6 or np.ptp(b) < 1e-6:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])
