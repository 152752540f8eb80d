"""Clips whose every pixel is known, and the faults that smoothing is asked to take out of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.loading import load_audio
from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.portrait.analysis import load_portrait
from sonic_core.samples import PORTRAIT, SPEECH
from sonic_core.settings import Settings

Frames = NDArray[np.uint8]
"""`[T, H, W, 3]` RGB."""

ROOT = Path(__file__).parents[2]
FRAMES, SIDE = 98, 512
FLICKER_SD = 2.0
CHUNK = 14
"""Frames that the published Sonic decodes at once."""
GRAIN_SD = 0.5
"""Of decoded frames under a strobe: with none at all, every step would be infinitely larger than the usual one."""


@dataclass(frozen=True)
class Clip:
    """Clean frames.  pans: the whole picture moves.  speaks: mouth and lids can be measured in it."""

    name: str
    frames: Frames
    pans: bool
    speaks: bool


def clips() -> list[Clip]:
    """A still head that blinks, the same one speaking, speaking with twice the usual head motion, and a photograph panned and turned."""
    audio = speech()
    silence = audio.with_samples(np.zeros_like(audio.samples))
    return [
        Clip("still head", rendered(silence, motion_scale=0.0), pans=False, speaks=False),
        Clip("talking", rendered(audio), pans=False, speaks=True),
        Clip("moving head", rendered(audio, motion_scale=2.0), pans=False, speaks=True),
        Clip("panned photo", panned(), pans=True, speaks=False),
    ]


def speech() -> AudioClip:
    folder = Path(os.environ.get("SONIC_LIPEVAL_DIR", ROOT.parent / "shared" / "lipeval")) / "open"
    wanted = FRAMES / 25
    audio = next((clip for clip in map(load_audio, sorted(folder.glob("*.wav"))) if clip.duration >= wanted), None)
    audio = audio or load_audio(SPEECH)
    return audio.with_samples(audio.samples[:, : round(wanted * audio.rate)])


def rendered(audio: AudioClip, **settings: float) -> Frames:
    """The bundled portrait, spoken by the lite engine."""
    engine, wanted = LiteEngine(), Settings(**settings)
    conditioning = engine.prepare(load_portrait(PORTRAIT), audio, wanted)
    return np.stack(list(engine.decode(conditioning, engine.sample(conditioning, wanted))))


def panned() -> Frames:
    """The bundled photograph under a camera that pans up to 3 px a frame, turns and comes nearer."""
    photo = cv2.cvtColor(cv2.imread(str(PORTRAIT)), cv2.COLOR_BGR2RGB)
    scale = 1.2 * SIDE / min(photo.shape[:2])
    middle = np.array([photo.shape[1] / 2, photo.shape[0] / 2])
    frames = []
    for time in np.arange(FRAMES) / 25:
        angle, zoom = np.radians(4 * np.sin(1.9 * time)), scale * (1 + 0.04 * np.sin(1.3 * time + 1))
        turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        place = SIDE / 2 + np.array([30 * np.sin(2.4 * time), 14 * np.sin(3.1 * time + 0.5)]) - turn @ middle
        frames.append(
            cv2.warpAffine(
                photo,
                np.column_stack([turn, place]),
                (SIDE, SIDE),
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REFLECT,
            )
        )
    return np.stack(frames)


# Faults


def brightness(frames: Frames) -> Frames:
    """Every frame brighter or darker as a whole."""
    return _with(frames, lambda rng, _: rng.normal(0, FLICKER_SD))


def patches(frames: Frames) -> Frames:
    """Every frame brighter here and darker there: a random field of about 100 px."""

    def field(rng: np.random.Generator, _: int) -> NDArray[np.float32]:
        small = cv2.GaussianBlur(rng.normal(0, 1, (24, 24)).astype(np.float32), (0, 0), 2.0)
        wide = cv2.resize(small[6:18, 6:18], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        return (FLICKER_SD * 7.1 * wide)[..., None]

    return _with(frames, field)


def grain(frames: Frames) -> Frames:
    """Noise in every pixel, the same in all channels."""
    return _with(frames, lambda rng, _: rng.normal(0, FLICKER_SD, (SIDE, SIDE, 1)))


def strobe(frames: Frames) -> Frames:
    """Every chunk 2 to 4 levels brighter or darker than the one before."""
    return _chunked(frames, _levels(len(frames))[:, None])


def coloured_strobe(frames: Frames) -> Frames:
    """The same, most of it in one channel or another."""
    levels = _levels(len(frames))
    mixes = np.array([[1.0, 0.3, -0.4], [-0.4, 1.0, 0.3], [0.3, -0.4, 1.0]])
    return _chunked(frames, np.stack([level * mixes[i % 3] for i, level in enumerate(levels)]))


FAULTS: dict[str, Callable[[Frames], Frames]] = {
    "brightness": brightness,
    "patches": patches,
    "grain": grain,
    "strobe": strobe,
    "coloured strobe": coloured_strobe,
}


def _with(frames: Frames, fault: Callable[[np.random.Generator, int], float | NDArray[np.floating]]) -> Frames:
    rng = np.random.default_rng(0)
    return np.stack([_rounded(frame + fault(rng, index)) for index, frame in enumerate(frames)])


def _chunked(frames: Frames, levels: NDArray[np.floating]) -> Frames:
    return _with(frames, lambda rng, i: levels[i // CHUNK] + rng.normal(0, GRAIN_SD, (SIDE, SIDE, 1)))


def _levels(count: int) -> NDArray[np.floating]:
    """A level for each chunk; steps of 2 to 4, up and down."""
    rng = np.random.default_rng(5)
    steps = rng.uniform(2, 4, -(-count // CHUNK)) * np.resize([1, -1, -1, 1, 1, -1], -(-count // CHUNK))
    return np.cumsum(steps) - np.cumsum(steps).mean()


def _rounded(picture: NDArray[np.floating]) -> Frames:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
