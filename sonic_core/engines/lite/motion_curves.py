"""Motion as named curves, for JSON files, charts and scoring."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .parameters import PARAMETER_INDEX, PARAMETER_NAMES
from .renderer.mouth_fields import JAW_GAP, LOWER_LIP_LOWERED, UPPER_LIP_RAISED, UPPER_LIP_RISE

_OPENING_PER_IOD = 1 / (JAW_GAP * (1 - UPPER_LIP_RISE))
LOWDEP_OPENS, UPRAISE_OPENS = LOWER_LIP_LOWERED * _OPENING_PER_IOD, UPPER_LIP_RAISED * _OPENING_PER_IOD
"""How far one lip alone opens the mouth, in units of the jaw's range."""
FV_CLOSES = 0.92  # share of the opening that the lower lip under the teeth takes away (as in the renderer)


def lip_opening(track: NDArray[np.float32]) -> NDArray[np.float32]:
    """Opening between the lips [T] that a track [T, P] commands, in units of the jaw's range, whatever the picture's mouth is like."""
    jaw, close, fv = (track[:, PARAMETER_INDEX[name]] for name in ("jaw", "close", "fv"))
    return jaw * (1 - np.maximum(close, FV_CLOSES * fv)) + opened_by_lips(track) * (1 - close)


def opened_by_lips(track: NDArray[np.float32]) -> NDArray[np.float32]:
    """Part of the opening [T] that a lowered lower and a raised upper lip make without the jaw, in units of the jaw's range."""
    return LOWDEP_OPENS * track[:, PARAMETER_INDEX["lowdep"]] + UPRAISE_OPENS * track[:, PARAMETER_INDEX["upraise"]]


def rounding(track: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rounded (positive) against spread (negative) lips [T]."""
    return track[:, PARAMETER_INDEX["pucker"]] - track[:, PARAMETER_INDEX["stretch"]]


def motion_curves(track: NDArray[np.float32], fps: float) -> dict[str, Any]:
    """A track [T, P] as plain lists by name, with `open` and `round`; frame i is at t0 + i / fps seconds."""
    curves = {"open": lip_opening(track), "round": rounding(track)}
    curves |= {name: track[:, i] for i, name in enumerate(PARAMETER_NAMES)}
    return {
        "fps": float(fps),
        "t0": 0.0,
        "closed_value": 0.0,
        **{name: np.round(curve.astype(np.float64), 5).tolist() for name, curve in curves.items()},
    }
