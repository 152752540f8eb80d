"""Golden motion curves: what three recordings make the face do, and how far a curve may be from what it was."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.loading import load_audio
from sonic_core.audio.resampling import to_mono_16k
from sonic_core.engines.lite.live.networks import LiveNetworks
from sonic_core.engines.lite.live.performance import LitePerformance
from sonic_core.engines.lite.motion import SpeechMotion
from sonic_core.engines.lite.motion_rules import closed_on_bilabials
from sonic_core.engines.lite.parameters import PARAMETERS, parameters
from sonic_core.hearing.few_rows import product
from sonic_core.samples import SPEECH
from sonic_core.settings import Settings

from .pictures import STORED

FILE = STORED / "curves.npz"
FPS = 25.0
LIVE_STEP = 1280  # samples
TYPICAL, WORST = 0.002, 0.02
"""Share of a parameter's range by which its curve may be off: mean over the clip, and in 98 of 100 frames.

Other processors came to 0.00001."""
SPANS = {"yaw": 8.0, "pitch": 8.0, "roll": 8.0, "tx": 0.05, "ty": 0.05}
"""Degrees and IOD that speech really moves the head by; the ranges of the parameters are far wider."""

STREAMED = "pauses and noise, heard as it comes"
LAZY = "lips that a network would keep half closed"

Curves = dict[str, NDArray[np.float32]]


@lru_cache
def sample() -> AudioClip:
    return load_audio(SPEECH)


def _with(samples: NDArray[np.float32]) -> AudioClip:
    return AudioClip(samples.astype(np.float32), sample().rate)


def deeper_voice() -> AudioClip:
    """The sample's first three seconds played a sixth slower."""
    samples = sample().samples[:, : 3 * sample().rate]
    places = np.arange(int(samples.shape[1] * 7 / 6)) * 6 / 7
    return _with(np.stack([np.interp(places, np.arange(samples.shape[1]), channel) for channel in samples]))


def pauses_and_noise() -> AudioClip:
    """A phrase, a pause, another phrase, a tone nobody says; all over soft noise."""
    rate, samples = sample().rate, sample().samples
    tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)[None].repeat(len(samples), 0)
    parts = [samples[:, : 2 * rate], np.zeros((len(samples), int(1.3 * rate))), samples[:, 3 * rate : 5 * rate], tone]
    spoken = np.concatenate(parts, 1)
    return _with(spoken + np.random.default_rng(3).normal(0, 0.003, spoken.shape))


def recordings() -> dict[str, tuple[AudioClip, Settings]]:
    """Name -> recording and the settings it is heard with."""
    return {
        "speech": (sample(), Settings(seed=0)),
        "deeper voice, happy": (
            deeper_voice(),
            Settings(seed=7, dynamic_scale=1.3, motion_scale=0.6, emotion="happy", emotion_strength=0.7),
        ),
        "pauses and noise": (pauses_and_noise(), Settings(seed=3, inference_steps=10, motion_scale=1.6)),
    }


@lru_cache
def tracks() -> Curves:
    """Name of a recording -> motion track [T, P]."""
    motion = SpeechMotion.load()
    heard = {name: motion.listen(clip, clip.frame_count(FPS)) for name, (clip, _) in recordings().items()}
    made = {name: motion.move(heard[name], settings) for name, (_, settings) in recordings().items()}
    half_closed = np.tile(parameters(close=0.6), (len(made["speech"]), 1))
    made[STREAMED] = streamed(recordings()["pauses and noise"][0])
    return made | {LAZY: closed_on_bilabials(half_closed, heard["speech"].articulation, FPS)}


def streamed(clip: AudioClip) -> NDArray[np.float32]:
    """Motion of the live engine for a recording that arrives a tenth of a second at a time, heard in float32 as every processor has it."""
    performance, mono = LitePerformance(LiveNetworks.load(product), Settings(seed=3)), to_mono_16k(clip)
    steps = mono[: len(mono) // LIVE_STEP * LIVE_STEP].reshape(-1, LIVE_STEP)
    return np.stack([moment.pose for step in steps for moment in performance.hear(step)])


def save(curves: Curves) -> None:
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **{name: np.round(track, 5).astype(np.float32) for name, track in curves.items()})


def load() -> Curves:
    with np.load(FILE) as stored:
        return {name: stored[name] for name in stored.files}


def span(index: int) -> float:
    """What counts as all of a parameter's range."""
    parameter = PARAMETERS[index]
    return SPANS.get(parameter.name, parameter.high - parameter.low)


def deviations(golden: NDArray[np.float32], track: NDArray[np.float32]) -> dict[str, tuple[float, float]]:
    """Parameter -> mean and 98th percentile of the distance, as shares of its span.  Raises ValueError for another shape."""
    if golden.shape != track.shape:
        raise ValueError(f"the track is {track.shape}, its golden {golden.shape}")
    distance = np.abs(golden - track)
    return {
        parameter.name: (float(distance[:, i].mean() / span(i)), float(np.quantile(distance[:, i], 0.98) / span(i)))
        for i, parameter in enumerate(PARAMETERS)
    }


def changed(golden: NDArray[np.float32], track: NDArray[np.float32]) -> list[str]:
    """A line for every parameter whose curve is not what it was."""
    return [
        f"{name}: mean {mean:.4f} of its range (allowed {TYPICAL}), 98 % of the frames within {worst:.3f} (allowed {WORST})"
        for name, (mean, worst) in deviations(golden, track).items()
        if mean > TYPICAL or worst > WORST
    ]
