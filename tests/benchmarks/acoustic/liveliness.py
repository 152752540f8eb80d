"""What a face does besides speaking: blinks, glances, brows that follow the stress, a head that is never quite still.

Knows nothing about how the lips are made: it reads a prosody envelope and fills the other parameters.  Everything random comes
from the seed, each kind of motion from its own generator, and what happens early does not depend on how long the clip is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sonic_core.curves import smoothstep
from sonic_core.engines.lite.blinks import BLINK_CLOSE, BLINK_HOLD, BLINK_INTERVAL, BLINK_OPEN, SHORT_CLIP, blink_shape
from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETERS

from .filters import smooth

Curve = NDArray[np.float32]

FIRST_BLINK = (0.7, 2.2)  # s
PAUSE_ATTRACTION = 0.6  # s; a blink waits this long for the end of a phrase

SACCADE = 0.05  # s
FIXATION = (0.5, 2.2)  # s
GLANCE = (0.32, 0.22)  # standard deviations of gaze_x and gaze_y
LARGEST_GLANCE = 0.7
EYES_STAY_ON_YOU = 1 / 8, 1 / 10  # gaze per degree of yaw and pitch that keeps looking at the camera

HEAD_WANDER = {"yaw": (3.2, 0.17), "pitch": (1.5, 0.21), "roll": (1.4, 0.15), "tx": (0.015, 0.13), "ty": (0.006, 0.19)}
"""Amplitude (degrees, IOD) and slowest frequency (Hz) of the aimless part of head motion."""
NOD_DEGREES = 3.2  # for one unit of stress
BREATH = 0.004, 0.26  # IOD, Hz
EASE_IN = 0.4  # s from the neutral pose into motion


@dataclass(frozen=True)
class Prosody:
    """How speech moves, [T] float32 0..1 at `fps`.  voice: somebody speaks.  stress: how much a syllable stands out."""

    voice: Curve
    stress: Curve
    fps: float

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of every frame."""
        return np.arange(len(self.voice)) / self.fps


def add_liveliness(
    track: NDArray[np.float32], prosody: Prosody, seed: int, motion_scale: float, expression_scale: float
) -> NDArray[np.float32]:
    """The track [T, P] with blinks, gaze, brows and head pose filled in (a new array; the mouth stays as it is).

    motion_scale: head amplitude; 0 = exactly still.  expression_scale: amplitude of the brows.
    """
    track = track.copy()
    curves = head_motion(prosody, seed, motion_scale)
    curves |= gaze(prosody, seed, curves["yaw"], curves["pitch"])
    curves |= blinks(prosody, seed)
    curves["brow"] = brows(prosody, seed) * expression_scale
    for name, curve in curves.items():
        parameter = PARAMETERS[PARAMETER_INDEX[name]]
        track[:, PARAMETER_INDEX[name]] = np.clip(curve, parameter.low, parameter.high)
    return track


def blinks(prosody: Prosody, seed: int) -> dict[str, Curve]:
    """blink_l and blink_r: both eyes nearly together, a few ms apart as in life."""
    rng = np.random.default_rng([seed, 1])
    times, left, right = prosody.times, *np.zeros((2, len(prosody.voice)))
    for start in blink_times(prosody, rng):
        lead = rng.uniform(-0.006, 0.006)
        left = np.maximum(left, blink_shape(times - start - lead))
        right = np.maximum(right, blink_shape(times - start + lead))
    return {"blink_l": left.astype(np.float32), "blink_r": right.astype(np.float32)}


def blink_times(prosody: Prosody, rng: np.random.Generator) -> list[float]:
    """When the lids begin to fall, s: every 2 to 6 s, at the end of a phrase where one is near."""
    duration = len(prosody.voice) / prosody.fps
    speaking = prosody.voice > 0.5
    phrase_ends = (np.flatnonzero(speaking[:-1] & ~speaking[1:]) + 1) / prosody.fps
    starts: list[float] = []
    start = rng.uniform(*FIRST_BLINK)
    while start + BLINK_CLOSE + BLINK_HOLD + BLINK_OPEN < duration:
        latest = start + PAUSE_ATTRACTION
        if starts:
            latest = min(latest, starts[-1] + BLINK_INTERVAL[1])
        near = phrase_ends[(phrase_ends >= start) & (phrase_ends <= latest)]
        if len(near) and near[0] + BLINK_CLOSE + BLINK_HOLD + BLINK_OPEN < duration:
            start = float(near[0])
        starts.append(start)
        if duration < SHORT_CLIP:
            break
        low, high = BLINK_INTERVAL
        start += low + (high - low) * rng.beta(1.6, 2.2)
    return starts


def gaze(prosody: Prosody, seed: int, yaw: Curve, pitch: Curve) -> dict[str, Curve]:
    """Small saccades around the camera, and the reflex that keeps the eyes on it while the head turns."""
    rng = np.random.default_rng([seed, 2])
    times = prosody.times
    x, y = np.zeros((2, len(times)))
    here = np.zeros(2)
    start = rng.uniform(*FIXATION)
    while len(times) and start < times[-1]:
        back = here.any() and rng.random() < 0.6  # people look back at whom they talk to
        target = np.zeros(2) if back else np.clip(rng.normal(0, GLANCE), -LARGEST_GLANCE, LARGEST_GLANCE)
        step = smoothstep((times - start) / SACCADE)
        x += step * (target[0] - here[0])
        y += step * (target[1] - here[1])
        here = target
        start += rng.uniform(*FIXATION) * (1.3 if back else 0.8)
    x -= yaw * EYES_STAY_ON_YOU[0]
    y += pitch * EYES_STAY_ON_YOU[1]
    return {"gaze_x": x.astype(np.float32), "gaze_y": y.astype(np.float32)}


def brows(prosody: Prosody, seed: int) -> Curve:
    """Brows rise on strong syllables and wander a little."""
    rng = np.random.default_rng([seed, 3])
    emphasis = smooth(prosody.stress, 0.14, prosody.fps)
    ordinary = smooth(prosody.stress, 0.9, prosody.fps)
    lift = np.clip(emphasis - ordinary - 0.05, 0, 0.5)
    return 0.9 * smooth(lift, 0.06, prosody.fps) + 0.06 * wander(prosody.times, 0.13, rng)


def head_motion(prosody: Prosody, seed: int, scale: float) -> dict[str, Curve]:
    """yaw, pitch, roll (degrees), tx, ty (IOD): slow wandering, nods with the stress, breath; neutral at the first frame."""
    rng = np.random.default_rng([seed, 4])
    times = prosody.times
    talking = 0.55 + 0.45 * smooth(prosody.voice, 0.5, prosody.fps)
    pose = {
        name: amplitude * talking * wander(times, frequency, rng)
        for name, (amplitude, frequency) in HEAD_WANDER.items()
    }
    beat = smooth(prosody.stress, 0.11, prosody.fps) - smooth(prosody.stress, 0.7, prosody.fps)
    pose["pitch"] -= NOD_DEGREES * beat
    pose["roll"] += 0.8 * beat * np.sign(rng.random() - 0.5)
    depth, frequency = BREATH
    pose["ty"] -= depth * np.sin(2 * np.pi * frequency * times)
    ease = smoothstep(times / EASE_IN)
    return {name: (scale * ease * curve).astype(np.float32) for name, curve in pose.items()}


def wander(times: NDArray[np.float64], frequency: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Aimless smooth motion of about +-1: three slow waves that never repeat together, starting from 0."""
    ratios = (1.0, 1.83, 3.07) * rng.uniform(0.9, 1.1, 3)
    phases = rng.uniform(0, 2 * np.pi, 3)
    total = np.zeros(len(times))
    for ratio, phase, weight in zip(ratios, phases, (0.6, 0.4, 0.18), strict=True):
        total += weight * (np.sin(2 * np.pi * frequency * ratio * times + phase) - np.sin(phase) * np.exp(-times / 1.5))
    return total
