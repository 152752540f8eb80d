"""From what is heard to what the lips do: articulation at 50 Hz -> the renderer's mouth parameters at video rate.

This is the mouth that the denoiser learns, and the mouth that stays when it is not used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..curves import gaussian, held
from .lip_reader import Articulation

Curve = NDArray[np.float32]

RATE = 50
MOUTH = ("jaw", "close", "press", "pucker", "stretch", "upraise", "lowdep", "fv", "tongue", "rest")
"""Parameters that lip_motion sets, in the order of its columns."""

JAW_RANGE = 0.55  # jaw of a wide "ah"; loud speech peaks near 0.45 of the renderer's range
PUCKER_RANGE, STRETCH_RANGE, BITE_RANGE = 0.78, 0.7, 0.85
ROUNDING_SMOOTHED = 2.0  # states: protruding the lips takes longer than opening them
REST_IN_SPEECH = 0.45  # share of the picture's own opening that speech takes away
SHORTEST_REST = 0.16  # s: a shorter silence is the closure of a stop, not a pause
BREATHING_PAUSE = 0.7  # s; in shorter pauses the face does not fall back into the picture's smile
GATE = 1.3  # closures at probability 1 / GATE shut the lips completely

# Targets of what depends on single sounds: lower lip shows the teeth, upper lip rises, tongue tip up.  Kept small: they part the
# lips in sounds that are nearly closed.
_TEETH = {
    "S": 0.3,
    "Z": 0.3,
    "SH": 0.35,
    "ZH": 0.35,
    "CH": 0.35,
    "JH": 0.35,
    "IY": 0.12,
    "EY": 0.1,
    "AE": 0.1,
    "EH": 0.08,
}
_UPPER = {"SH": 0.18, "ZH": 0.18, "CH": 0.18, "JH": 0.18, "S": 0.1, "Z": 0.1, "AE": 0.08, "EH": 0.06, "R": 0.06}
_TONGUE = {"L": 1.0, "TH": 1.0, "DH": 1.0, "T": 0.7, "D": 0.7, "N": 0.8, "S": 0.25, "Z": 0.25}


def lip_motion(heard: Articulation, frame_count: int, fps: float = 25.0) -> NDArray[np.float32]:
    """Mouth parameters `[frame_count, len(MOUTH)]` without the user's scales; frame i shows time i / fps."""
    speech = speech_activity(heard)
    shut = np.clip(GATE * heard.closure, 0, 1)
    opening = heard.open * (1 - shut) * speech
    opening = np.where(
        heard.closure > 0.5, _neighbours(opening, np.minimum), opening
    )  # a closure between two frames is seen
    place = np.arange(frame_count) * RATE / fps
    close = closures(heard, frame_count, fps)
    close = np.maximum(close, _at(np.where(heard.closure > 0.5, shut, 0), place))
    round_ = _at(gaussian(heard.round, ROUNDING_SMOOTHED) * speech, place)
    bite = _at(gaussian(_neighbours(heard.labiodental, np.maximum), 0.8) * speech, place) * (1 - close)
    columns = {
        "jaw": JAW_RANGE * _at(opening, place),
        "close": close,
        "press": _press(heard, place) * close,
        "pucker": PUCKER_RANGE * np.clip(round_, 0, 1),
        "stretch": STRETCH_RANGE * np.clip(-round_, 0, 1),
        "upraise": _expected(heard, _UPPER, place),
        "lowdep": _expected(heard, _TEETH, place) * (1 - close),
        "fv": BITE_RANGE * bite,
        "tongue": _expected(heard, _TONGUE, place),
        "rest": rest_of_the_picture(heard, frame_count, fps),
    }
    return np.stack([columns[name] for name in MOUTH], 1).astype(np.float32)


def rest_of_the_picture(heard: Articulation, frame_count: int, fps: float = 25.0) -> Curve:
    """How much of the picture's own opening is taken away, `[frame_count]`: its smile comes back in long pauses only."""
    talking = gaussian(speech_activity(heard, BREATHING_PAUSE), 4)
    rest = REST_IN_SPEECH * np.interp(np.arange(frame_count) * RATE / fps, np.arange(len(heard)), talking, right=0.0)
    return rest.astype(np.float32)


def speech_activity(heard: Articulation, shortest_pause: float = SHORTEST_REST) -> Curve:
    """1 where somebody speaks, 0 in pauses of at least `shortest_pause` s, with flanks of 60 ms; `[T]` at 50 Hz."""
    active = 1 - heard.sounding({"SIL": 1}) > 0.5
    result = np.ones(len(active), np.float32)
    for start, end in runs(~active):
        if end - start >= shortest_pause * RATE or end - start == len(active):
            result[start:end] = 0
    return gaussian(_neighbours(result, np.maximum), 1.2)


def closures(heard: Articulation, frame_count: int, fps: float) -> Curve:
    """1 for at least two frames at every bilabial that was heard, with a soft flank of one frame; `[frame_count]`."""
    close = np.zeros(frame_count, np.float32)
    for start, end in closure_events(heard):
        first, last = int(np.ceil(start * fps - 0.25)), int(np.floor(end * fps + 0.25))
        if last - first < 1:  # nearest two frames to the middle
            first = int(np.floor((start + end) / 2 * fps))
            last = first + 1
        close[max(0, first) : last + 1] = 1
        for flank in (first - 1, last + 1):
            if 0 <= flank < frame_count:
                close[flank] = max(close[flank], FLANK)
    return close


FLANK = 0.2
"""How far the lips are closed one frame before and after a closure, beyond what the opening itself does."""


def closure_events(heard: Articulation) -> list[tuple[float, float]]:
    """Start and end in seconds of every stretch in which a bilabial was heard."""
    return [(start / RATE, (end - 1) / RATE) for start, end in runs(heard.closure > 0.5)]


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open index ranges in which `mask` holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _press(heard: Articulation, place: NDArray) -> Curve:
    """Plosives press the lips together harder than m does."""
    plosive, nasal = heard.sounding({"P": 1, "B": 1}), heard.sounding({"M": 1})
    return _at(gaussian(0.6 * plosive + 0.4 * nasal, 1.0), place)


def _expected(heard: Articulation, targets: dict[str, float], place: NDArray) -> Curve:
    return _at(gaussian(heard.sounding(targets), 1.2), place)


def _neighbours(curve: Curve, of: np.ufunc) -> Curve:
    """Minimum or maximum over each value and its two neighbours."""
    padded = held(curve, 1)
    return of(of(padded[:-2], padded[2:]), curve)


def _at(curve: Curve, place: NDArray) -> Curve:
    return np.interp(place, np.arange(len(curve)), curve).astype(np.float32)
