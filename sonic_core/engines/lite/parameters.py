"""The animation parameters of the lite engine: names, ranges and meaning; a motion track is float32 [T, len(PARAMETERS)]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Parameter:
    """One animation parameter.  low, high: range that the renderer accepts; neutral: value that leaves the picture as it is."""

    name: str
    low: float
    high: float
    meaning: str
    neutral: float = 0.0


# IOD = distance of the eye centres; all lengths are multiples of it, so that they mean the same at every resolution.
PARAMETERS: tuple[Parameter, ...] = (
    Parameter("jaw", 0, 1, "jaw drop; lip gap 0 to 0.30 IOD in the middle, speech peaks at about 0.45 of the range"),
    Parameter(
        "close", 0, 1, "multiplies what is left of the opening by 1 - close: 1 = lips touch whatever jaw is (m, b, p)"
    ),
    Parameter(
        "rest",
        0,
        1,
        "share of the picture's own opening that is taken away: 0 as pictured, 1 closed; about 0.45 in speech",
    ),
    Parameter("press", 0, 1, "lips thinner and rolled in"),
    Parameter("pucker", 0, 1, "lips rounded, forward and fuller (oo, w); takes a smile out of the face"),
    Parameter("stretch", 0, 1, "corners apart (ee)"),
    Parameter("smile", -0.5, 1, "corners out and up, cheeks follow; negative: corners down and in"),
    Parameter("upraise", 0, 1, "upper lip raised"),
    Parameter("lowdep", 0, 1, "lower lip lowered"),
    Parameter("fv", 0, 1, "lower lip under the upper teeth (f, v)"),
    Parameter("tongue", 0, 1, "tongue tip up (l, n, t, d, th)"),
    Parameter("blink_l", 0, 1, "the subject's left eye closed"),
    Parameter("blink_r", 0, 1, "the subject's right eye closed"),
    Parameter("brow", -0.5, 1, "both brows raised; negative frowns: inner ends down and together"),
    Parameter("gaze_x", -1, 1, "irises to the image right, 0.045 IOD at 1"),
    Parameter("gaze_y", -1, 1, "irises down, 0.025 IOD at 1"),
    Parameter("yaw", -30, 30, "degrees, nose to the image right; softly limited per portrait"),
    Parameter("pitch", -30, 30, "degrees, nose up; softly limited per portrait"),
    Parameter("roll", -30, 30, "degrees clockwise; softly limited per portrait"),
    Parameter("tx", -0.1, 0.1, "head to the image right, IOD"),
    Parameter("ty", -0.1, 0.1, "head down, IOD"),
)

PARAMETER_NAMES: tuple[str, ...] = tuple(p.name for p in PARAMETERS)
PARAMETER_INDEX: dict[str, int] = {name: i for i, name in enumerate(PARAMETER_NAMES)}


class Pose(NamedTuple):
    """The parameters of one frame by name, in the order of PARAMETERS."""

    jaw: float
    close: float
    rest: float
    press: float
    pucker: float
    stretch: float
    smile: float
    upraise: float
    lowdep: float
    fv: float
    tongue: float
    blink_l: float
    blink_r: float
    brow: float
    gaze_x: float
    gaze_y: float
    yaw: float
    pitch: float
    roll: float
    tx: float
    ty: float


_LOW = np.array([p.low for p in PARAMETERS], np.float32)
_HIGH = np.array([p.high for p in PARAMETERS], np.float32)


def neutral() -> NDArray[np.float32]:
    """Parameters [P] that leave the picture as it is."""
    return np.array([p.neutral for p in PARAMETERS], np.float32)


def clamp(parameters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Parameters [..., P] inside their ranges; NaN becomes 0 (a new array)."""
    return np.clip(np.nan_to_num(np.asarray(parameters, np.float32)), _LOW, _HIGH)


def parameters(**values: float) -> NDArray[np.float32]:
    """Parameters [P] with the given values, the others neutral.  Unknown names raise KeyError."""
    vector = neutral()
    for name, value in values.items():
        vector[PARAMETER_INDEX[name]] = value
    return vector
