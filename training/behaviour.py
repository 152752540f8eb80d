"""What head, brows, eyes, lids and effort do while somebody speaks: random motion with published statistics, linked to prosody.

Sources.  Head: nearly always moving in speech, quiet in pauses (Hadar et al. 1983); follows pitch and loudness (Munhall et al. 2004;
Busso et al. 2007: a few degrees, most power below 1 Hz).  Nods and brow raises mark accents, the brow about 60 ms earlier
(Cavé et al. 1996; Flecha-García 2010).  Gaze: 3.1 s at the listener, 0.9 s away while talking (Lee, Badler and Badler 2002), eyes
counter the head.  Blinks: some 20 a minute in conversation (Bentivoglio et al. 1997), drawn to pauses (Nakano and Kitazawa 2010),
down in 80 ms, up in 200 ms (VanderWerf et al. 2003).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sonic_core.curves import gaussian
from sonic_core.engines.lite.motion_space import BEHAVIOUR
from sonic_core.engines.lite.prosody import Prosody

FPS = 25.0
BLINK = np.array([0.35, 1.0, 0.92, 0.6, 0.28, 0.08], np.float32)
"""Lid over a blink's frames."""


def behaviour(prosody: Prosody, rng: np.random.Generator) -> NDArray[np.float32]:
    """Parameters `[T, len(BEHAVIOUR)]` for one clip."""
    count = len(prosody.loudness)
    speaking = gaussian((prosody.loudness > 0.35).astype(np.float32), 8)
    accents = _accents(prosody)
    energy = np.exp(rng.normal(0, 0.25))  # some people move more
    amount = (0.4 + 0.6 * speaking) * energy

    lively = speaking * energy  # the quicker part belongs to speech alone
    yaw = 2.4 * amount * _wander(count, 0.25, rng) + 0.8 * lively * _wander(count, 0.9, rng)
    pitch = (
        1.4 * amount * _wander(count, 0.3, rng)
        + 0.6 * lively * _wander(count, 1.0, rng)
        + 3.0 * gaussian(prosody.pitch, 5) * energy
    )
    roll = 1.0 * amount * _wander(count, 0.25, rng) + 0.4 * lively * _wander(count, 0.8, rng)
    brow = 0.05 * _wander(count, 0.2, rng) + 0.25 * np.clip(gaussian(prosody.pitch, 3), 0, None)
    for frame, strength in accents:
        if rng.random() < 0.45:
            length = rng.uniform(0.3, 0.6)
            pitch += -rng.uniform(1.0, 2.6) * strength * energy * _bump(count, frame / FPS + 0.04, length)
        if rng.random() < 0.30:
            brow += rng.uniform(0.15, 0.45) * strength * _bump(count, frame / FPS - 0.06, rng.uniform(0.35, 0.7))
    columns = {
        "brow": brow,
        "blink": _blinks(count, speaking, rng),
        "yaw": yaw,
        "pitch": pitch,
        "roll": roll + 0.12 * yaw,
        "tx": 0.0022 * yaw + 0.006 * _wander(count, 0.2, rng) * energy,
        "ty": -0.0018 * pitch + 0.004 * _wander(count, 0.2, rng) * energy,
    }
    columns["gaze_x"], columns["gaze_y"] = _gaze(count, speaking, yaw, pitch, rng)
    return np.stack([columns[name] for name in BEHAVIOUR], 1).astype(np.float32)


def effort(prosody: Prosody, rng: np.random.Generator) -> NDArray[np.float32]:
    """How widely somebody articulates, `[T]` around 1: more when louder and on accents (Schulman 1989), and by mood."""
    count = len(prosody.loudness)
    loud = gaussian(prosody.loudness, 2) - 0.75
    return np.clip(1 + 0.25 * loud + 0.1 * prosody.prominence + 0.06 * _wander(count, 0.3, rng), 0.6, 1.35).astype(
        np.float32
    )


def _wander(count: int, hertz: float, rng: np.random.Generator) -> NDArray:
    """Smooth random process of unit variance with its power below `hertz`."""
    margin = int(4 * FPS / hertz)
    noise = rng.standard_normal(count + 2 * margin)
    slow = gaussian(noise, FPS / (2 * np.pi * hertz))
    return (slow / slow.std())[margin : margin + count]


def _bump(count: int, middle: float, length: float) -> NDArray:
    """A raised cosine around `middle`, s, that lasts `length`, s."""
    t = np.arange(count) / FPS - middle
    return np.where(np.abs(t) < length / 2, 0.5 + 0.5 * np.cos(2 * np.pi * t / length), 0)


def _accents(prosody: Prosody) -> list[tuple[int, float]]:
    """Frames where syllables stand out, and how much (0 to 1), at least 0.24 s apart."""
    p = prosody.prominence
    peaks = [i for i in range(1, len(p) - 1) if p[i] > 0.25 and p[i] >= p[i - 1] and p[i] > p[i + 1]]
    kept: list[tuple[int, float]] = []
    for i in peaks:
        if not kept or i - kept[-1][0] >= 6:
            kept.append((i, float(p[i])))
    return kept


def _blinks(count: int, speaking: NDArray, rng: np.random.Generator) -> NDArray:
    lid = np.zeros(count + len(BLINK), np.float32)
    starts_of_pauses = np.flatnonzero((speaking[1:] < 0.5) & (speaking[:-1] >= 0.5)) / FPS
    now = rng.uniform(0.5, 3.5)
    while now < count / FPS:
        near = starts_of_pauses[np.abs(starts_of_pauses - now) < 0.7]
        if len(near) and rng.random() < 0.6:
            now = float(near[0]) + rng.uniform(0, 0.15)
        first = int(now * FPS)
        if first < count:
            lid[first : first + len(BLINK)] = np.maximum(lid[first : first + len(BLINK)], BLINK)
        now += float(np.clip(rng.lognormal(np.log(3.2), 0.35), 2.0, 6.0))
    return lid[:count]


def _gaze(
    count: int, speaking: NDArray, yaw: NDArray, pitch: NDArray, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    x, y = np.zeros(count), np.zeros(count)
    frame, away = 0, False
    while frame < count:
        seconds = rng.exponential(0.9) + 0.25 if away else rng.exponential(2.4) + 0.7
        end = min(count, frame + int(seconds * FPS) + 1)
        if away:
            side = rng.choice([-1, 1])
            x[frame:end], y[frame:end] = side * rng.uniform(0.25, 0.7), rng.normal(0, 0.22)
        else:  # at the listener: eyes, mouth, eyes
            step = frame
            while step < end:
                stop = min(end, step + int(rng.uniform(0.3, 1.2) * FPS))
                x[step:stop], y[step:stop] = rng.normal(0, 0.07), rng.normal(0, 0.05)
                step = max(stop, step + 1)
        frame, away = end, not away
    return np.clip(gaussian(x, 0.6) - yaw / 14, -1, 1), np.clip(gaussian(y, 0.6) + pitch / 18, -1, 1)
