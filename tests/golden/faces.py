"""Six small portraits and the poses they are drawn in: everything that the golden pictures show."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sonic_core.engines.lite.contact_sheet import POSES as SHEET
from sonic_core.engines.lite.parameters import parameters
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.portrait.analysis import analyse
from sonic_core.portrait.loading import load_picture
from sonic_core.portrait.networks import load_networks
from sonic_core.portrait.portrait import Portrait

PORTRAITS = ("photo", "smile", "glasses", "cartoon", "statue", "dark_skin")
MORE_POSES: tuple[tuple[str, dict[str, float]], ...] = (
    ("frown, corners down", {"brow": -0.5, "smile": -0.5, "press": 1}),
    ("teeth bared", {"jaw": 0.12, "upraise": 1, "lowdep": 1, "rest": 0.45}),
    ("gaze right down, tongue", {"gaze_x": 1, "gaze_y": 1, "jaw": 0.45, "tongue": 1, "rest": 0.45}),
    ("moved, closed on a dropped jaw", {"tx": 0.05, "ty": 0.04, "jaw": 0.6, "close": 1}),
    ("rounded halfway", {"jaw": 0.35, "pucker": 0.35, "gaze_x": -0.7, "rest": 0.45}),
    ("all at once", {"jaw": 0.4, "stretch": 0.5, "blink_l": 0.3, "blink_r": 0.8, "brow": 0.4, "yaw": -5, "roll": -4}),
)
"""They move what the eighteen of `sheet` leave still."""
WITH_MORE_POSES = ("photo", "glasses", "cartoon")
FOLDER = Path(__file__).parent / "portraits"


@lru_cache
def portrait(name: str) -> Portrait:
    """Measured anew, never read from the user's cache."""
    return analyse(load_networks(), load_picture(FOLDER / f"{name}.webp"), 0, name)


@lru_cache
def renderer(name: str) -> PortraitRenderer:
    return PortraitRenderer(portrait(name))


def poses(name: str) -> tuple[tuple[str, dict[str, float]], ...]:
    """Label and parameters of every pose that a portrait is drawn in."""
    return SHEET + MORE_POSES if name in WITH_MORE_POSES else SHEET


@lru_cache
def frames(name: str) -> dict[str, NDArray[np.uint8]]:
    """Label of a pose -> RGB frame."""
    return {label: renderer(name).render(parameters(**values)) for label, values in poses(name)}


def understood(name: str) -> dict[str, object]:
    """What the renderer decided about a portrait."""
    return {"style": renderer(name).style, "notes": [*renderer(name).notes, *renderer(name).warnings]}
