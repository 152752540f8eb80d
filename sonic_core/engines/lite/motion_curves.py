"""Motion as named curves, for JSON files, charts and scoring."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .lip_parting import lip_opening
from .parameters import PARAMETER_INDEX, PARAMETER_NAMES


def rounding(track: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rounded (positive) against spread (negative) lips [T]."""
    return track[:, PARAMETER_INDEX["pucker"]] - track[:, PARAMETER_INDEX["stretch"]]


def motion_curves(track: NDArray[np.float32], fps: float) -> dict[str, Any]:
    """A track [T, P] as curves [T] by name, with `open` and `round`, to five places; frame i is at t0 + i / fps seconds."""
    curves = {"open": lip_opening(track), "round": rounding(track)}
    curves |= {name: track[:, i] for i, name in enumerate(PARAMETER_NAMES)}
    return {
        "fps": float(fps),
        "t0": 0.0,
        "closed_value": 0.0,
        **{name: np.round(curve.astype(np.float64), 5) for name, curve in curves.items()},
    }
