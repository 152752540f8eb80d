"""How jaw and lips part together: the opening that a track commands, and the jaw's share of an opening that was heard."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .parameters import PARAMETER_INDEX
from .renderer.mouth_fields import JAW_GAP, LOWER_LIP_LOWERED, UPPER_LIP_RAISED, UPPER_LIP_RISE

_OPENING_PER_IOD = 1 / (JAW_GAP * (1 - UPPER_LIP_RISE))
LOWDEP_OPENS, UPRAISE_OPENS = LOWER_LIP_LOWERED * _OPENING_PER_IOD, UPPER_LIP_RAISED * _OPENING_PER_IOD
"""How far one lip alone opens the mouth, in units of the jaw's range."""
FV_CLOSES = 0.92  # share of the opening that the lower lip under the teeth takes away (as in the renderer)
JAW_SPARED = 0.5
"""Share of what the lips open by themselves that the jaw leaves out; with 1 the teeth of a sibilant hardly show."""


def lip_opening(track: NDArray[np.float32]) -> NDArray[np.float32]:
    """Opening between the lips [T] that a track [T, P] commands, in units of the jaw's range, whatever the picture's mouth is like."""
    jaw, close, fv = (track[:, PARAMETER_INDEX[name]] for name in ("jaw", "close", "fv"))
    return jaw * (1 - np.maximum(close, FV_CLOSES * fv)) + opened_by_lips(track) * (1 - close)


def opened_by_lips(track: NDArray[np.float32]) -> NDArray[np.float32]:
    """Part of the opening [T] that a lowered lower and a raised upper lip make without the jaw, in units of the jaw's range."""
    return LOWDEP_OPENS * track[:, PARAMETER_INDEX["lowdep"]] + UPRAISE_OPENS * track[:, PARAMETER_INDEX["upraise"]]


def parted_as_heard(track: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lips that open by themselves spare the jaw: s and sh show teeth that nearly meet, not a mouth as open as in a vowel.

    `jaw` of the track [T, P] is the opening between the lips that was heard; afterwards jaw and lips make it together.
    """
    track = track.copy()
    jaw, lips = PARAMETER_INDEX["jaw"], [PARAMETER_INDEX["lowdep"], PARAMETER_INDEX["upraise"]]
    track[:, [jaw, *lips]] = np.maximum(track[:, [jaw, *lips]], 0)
    heard, spared = track[:, jaw], JAW_SPARED * opened_by_lips(track)
    share = np.minimum(1, heard / np.maximum(spared, 1e-6))  # lips never open further than the jaw can make up for
    track[:, lips] *= share[:, None]
    track[:, jaw] = heard - share * spared
    return track
