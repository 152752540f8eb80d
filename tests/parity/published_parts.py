"""Parts of the published code that the engine does without and the stored results were made with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sonic_core.diffusion.schedule import Sigmas
from sonic_core.errors import SettingsError


def square_crop(box: Sequence[float], width: int, height: int, expand: float) -> tuple[int, int, int, int]:
    """The square around a face box x0, y0, x1, y1 that Sonic's demonstration crops to; `expand` grows every side by that share."""
    x0, y0, x1, y1 = box
    grow_x, grow_y = expand * (x1 - x0), expand * (y1 - y0)
    left, top = max(x0 - grow_x, 0), max(y0 - grow_y, 0)
    right, bottom = min(x1 + grow_x, width), min(y1 + grow_y, height)
    grown_width, grown_height = right - left, bottom - top
    side, slack = min(grown_width, grown_height), abs(grown_height - grown_width) / 2
    centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
    if grown_width > grown_height:
        centre_x += _towards((x0 + x1) / 2 - centre_x, slack)
    else:
        centre_y += _towards((y0 + y1) / 2 - centre_y, slack)
    corners = centre_x - side / 2, centre_y - side / 2, centre_x + side / 2, centre_y + side / 2
    x0, y0, x1, y1 = (round(corner) for corner in corners)
    return x0, y0, x1, y1


def _towards(distance: float, limit: float) -> float:
    return math.copysign(min(abs(distance), limit), distance)


def last_part(sigmas: Sigmas, strength: float) -> Sigmas:
    """The noise levels that remain when only the last `strength` (0-1) of the steps is run, as image-to-image does."""
    steps = len(sigmas) - 1
    run = min(int(steps * strength), steps)
    if run < 1:
        raise SettingsError(
            f"strength {strength} of {steps} steps leaves no step to run; use at least {1 / steps:.3f}."
        )
    return sigmas[steps - run :]
