"""Displacement fields of jaw and lips, evaluated for one layer (side of the tear) at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from .head import HeadFrame
from .mouth_coordinates import CHIN_FOLD, MouthLayer
from .mouth_shape import MouthShape

# By eye unless a measurement is named.  Amounts and distances from a lip's edge are IOD; distances along the mouth are half widths of it,
# counted from the middle (REACH) or from the corners (BEYOND); an ease is the width of a bell or the length of a smooth step.
JAW_GAP = 0.30  # lip gap at jaw = 1
JAW_FORWARD = 0.45  # backward part of the jaw's arc per unit of drop
CORNER_SHARE, CORNER_BEYOND = 0.42, 2.2  # of the jaw drop that the mouth corners follow; ease beyond them
UPPER_LIP_RISE, UPPER_FALL = -0.09, 0.75  # share of the jaw drop by which the upper lip rises; ease
# of the jaw drop that the chin follows; with 1 the lower face looks like a snout.  Where the chin is
CHIN_SHARE, CHIN_AT = 0.80, 0.62
NECK_FALL = 1.15  # below the chin
OUTSIDE_LOWER, OUTSIDE_UPPER = 0.85, 0.6  # ease outside the face
CORNERS_IN, CORNERS_IN_REACH, CORNERS_IN_FALL = 0.05, 0.55, 0.35  # of an open mouth; eases along it and across

# Closing, and rounded lips.  Half width of the opening of ever rounder lips; the last are fully rounded.  Mixing two distant shapes would
# leave wings where the narrower one ends.
ROUND_WIDTHS = (0.86, 0.73, 0.60)
ROUND_FIELDS = tuple((f"round_jaw_{i}", f"round_rest_{i}") for i in range(len(ROUND_WIDTHS)))
ROUND_POWER, ROUND_LOWER_SHARE = 0.6, 0.45  # exponent of their ellipse; share of the closing that the lower lip does
CLOSE_LOWER_SHARE = 0.72  # of the jaw's opening, closed by the lower lip
REST_LOWER_SHARE = 0.62  # of the picture's own opening that the lower lip closes
OVERLAP = 0.014  # of closed lips, at least
PRESS, PRESS_UP = 0.34, 0.10  # of a lip's height: how much thinner at press = 1, and how much the lower lip comes up

# Rounded lips go towards the middle and forward.
PUCKER_ROOM = 0.30  # half width that is left to a mouth at pucker = 1 ...
PUCKER_LEAST, PUCKER_MOST, PUCKER_SMILE = 0.15, 0.34, 0.10  # ... but it gives up such shares of it, and more of a smile
PUCKER_BEYOND = 0.95  # ease
PUCKER_FROM, PUCKER_FALL_LOWER, PUCKER_FALL_UPPER = 0.05, 0.75, 0.55  # across the lips: where it begins to fade; eases
PUCKER_FORWARD, PUCKER_FORWARD_REACH = 0.14, 1.1  # at pucker = 1; ease from the middle
# share of their lift that corners give up; more of a smile; at most
UNSMILE, UNSMILE_MORE, MOST_UNSMILE = 0.75, 0.20, 0.25
CORNER_EASE = 0.7  # beyond them
FULLNESS, FULLNESS_SMILE = 0.16, 0.34  # of a lip's height; a smile has stretched the lips thin
FULLNESS_REACH = 0.75  # ease from the middle

# Corners apart (stretch) and apart and up (smile).
STRETCH, LEAST_STRETCH = 0.105, 0.035  # of a usual mouth, and of a wide one
USUAL_WIDTH, STRETCH_PER_WIDTH = 0.42, 0.35  # half width in IOD; what each IOD beyond takes
# A mouth pictured open by more than this share of its half width stretches and smiles less, down to 1 - ROUND_HELD; smiles reach 0.31.
ROUND_OPENING, ROUND_HELD, ROUND_EASE = 0.34, 0.75, 0.2
STRETCH_POWER, STRETCH_BEYOND, STRETCH_FALL = 1.4, 0.8, 0.55  # exponent of the reach; eases along the mouth and across
STRETCH_THINS = 0.10  # of a lip's height
SMILE_OUT, SMILE_UP = 0.8, 0.8  # of the stretch
CHEEK, CHEEK_AT, CHEEK_EASE = 0.03, 1.25, 0.6  # lift; where along the mouth, and its ease
# eases below and above the lip; how high its middle is
CHEEK_FALL_LOWER, CHEEK_FALL_UPPER, CHEEK_ABOVE = 0.3, 0.4, 0.35

# Single lips; a room is in heights of the vermilion.
LOWER_LIP_LOWERED, UPPER_LIP_RAISED = 0.10, 0.085  # at lowdep = 1 and upraise = 1
SINGLE_WIDTH, LABIODENTAL_WIDTH = 0.8, 0.85  # reach of a raised or lowered lip, and of f and v
# where their motion begins to fade, and over at least so much
SINGLE_FROM, LEAST_ROOM_LOWER, LEAST_ROOM_UPPER = 0.2, 1.0, 0.8
TUCK, TUCK_ROLL = 0.022, 0.42  # f, v: the lower lip goes down, and of its height in under the teeth
TUCK_UPPER = 0.045  # by which the upper lip clears them


def mouth_fields(layer: MouthLayer, mouth: MouthShape, head: HeadFrame) -> dict[str, NDArray]:
    """All mouth fields of one layer: name -> [..., 3] px per unit of its coefficient."""
    return {
        "jaw": _jaw(layer, mouth, head),
        **_closing(layer, mouth, head),
        "press": _press(layer, head),
        "pucker": _pucker(layer, mouth, head),
        **_corners(layer, mouth, head),
        **_single_lips(layer, head),
    }


def _along(weight: NDArray, direction: NDArray) -> NDArray:
    return weight[..., None] * direction


def _jaw(layer: MouthLayer, mouth: MouthShape, head: HeadFrame) -> NDArray:
    beyond = np.exp(-((np.clip(layer.reach - 1, 0, None) / CORNER_BEYOND) ** 2))
    lip = 1.0 if layer.is_lower else UPPER_LIP_RISE
    at_lip = np.where(layer.reach < 1, CORNER_SHARE + (lip - CORNER_SHARE) * layer.opening, CORNER_SHARE * beyond)
    if layer.is_lower:
        weight = at_lip + (CHIN_SHARE - at_lip) * smoothstep(layer.distance / CHIN_AT)
        weight *= 1 - smoothstep(layer.below_chin / NECK_FALL)
    else:
        weight = at_lip * (1 - smoothstep(layer.distance / UPPER_FALL))
    weight *= (
        1 - smoothstep(-layer.inside / (OUTSIDE_LOWER if layer.is_lower else OUTSIDE_UPPER))
    ) * layer.ear_falloff(mouth)
    bell = np.exp(-(((layer.reach - 1) / CORNERS_IN_REACH) ** 2) - (layer.distance / CORNERS_IN_FALL) ** 2)
    corners = bell * np.sign(layer.u) * layer.face
    drop = JAW_GAP * mouth.iod * (head.down + JAW_FORWARD * head.back)
    return _along(weight, drop) - _along(CORNERS_IN * mouth.iod * corners, head.right)


def _closing(layer: MouthLayer, mouth: MouthShape, head: HeadFrame) -> dict[str, NDArray]:
    """Fields that take an opening away again, by the lips alone: all of it, or all but a round middle."""

    def close(gap: NDArray, lower_share: float) -> NDArray:
        share = lower_share if layer.is_lower else 1 - lower_share
        return _along(layer.sign * share * gap * layer.lip_only, head.down)

    torn = layer.reach < 1
    jaw_gap = JAW_GAP * mouth.iod * (1 - UPPER_LIP_RISE) * layer.opening * torn * layer.ear_falloff(mouth)
    own_gap = mouth.at(mouth.gap, layer.a) * torn
    overlap = max(OVERLAP * mouth.iod, sum(mouth.contact)) * mouth.rim(mouth.at(mouth.gap, layer.a)) * torn
    fields = {"close_jaw": close(jaw_gap, CLOSE_LOWER_SHARE), "close_rest": close(own_gap + overlap, REST_LOWER_SHARE)}
    for width, (of_jaw, of_rest) in zip(ROUND_WIDTHS, ROUND_FIELDS, strict=True):
        ellipse = np.clip(1 - (layer.reach / width) ** 2, 0, 1) ** ROUND_POWER
        sides = 1 - np.minimum(ellipse / np.maximum(layer.opening, 1e-3), 1)
        fields[of_jaw] = close(jaw_gap * sides, ROUND_LOWER_SHARE)
        fields[of_rest] = close((own_gap + overlap) * sides, ROUND_LOWER_SHARE)
    return fields


def _press(layer: MouthLayer, head: HeadFrame) -> NDArray:
    thinner = layer.sign * PRESS * layer.height * layer.vermilion * layer.arch
    if layer.is_lower:
        thinner = thinner - PRESS_UP * layer.lower_height * layer.arch * layer.lip_only
    return _along(thinner, head.down)


def _pucker(layer: MouthLayer, mouth: MouthShape, head: HeadFrame) -> NDArray:
    """Towards the middle, forward, lips fuller; corners of a smile come down to the lip line."""
    iod, half = mouth.iod, mouth.half_width
    inward = np.clip(1 - PUCKER_ROOM * iod / half, PUCKER_LEAST, PUCKER_MOST + PUCKER_SMILE * mouth.smile)
    fall = np.where(layer.reach < 1, layer.u, np.sign(layer.u) * np.exp(-(((layer.reach - 1) / PUCKER_BEYOND) ** 2)))
    near = 1 - smoothstep((layer.distance - PUCKER_FROM) / (PUCKER_FALL_LOWER if layer.is_lower else PUCKER_FALL_UPPER))
    field = _along(-inward * half * fall * near * layer.face, head.right)
    field += _along(-PUCKER_FORWARD * iod * np.exp(-((layer.reach / PUCKER_FORWARD_REACH) ** 2)) * near, head.back)
    middle = float(mouth.at(mouth.seam, 0.0))
    lift = np.where(layer.a < 0, middle - mouth.lower[0], middle - mouth.lower[-1])
    towards_corner = np.where(layer.reach < 1, layer.u**2, np.exp(-(((layer.reach - 1) / CORNER_EASE) ** 2)))
    lowered = (UNSMILE + UNSMILE_MORE * mouth.smile) * np.clip(lift, 0, MOST_UNSMILE * iod)
    field += _along(lowered * towards_corner * near * layer.face, head.down)
    fullness = FULLNESS + FULLNESS_SMILE * mouth.smile
    fuller = -layer.sign * fullness * layer.height * layer.vermilion * np.exp(-((layer.reach / FULLNESS_REACH) ** 2))
    return field + _along(fuller, head.down)


def _corners(layer: MouthLayer, mouth: MouthShape, head: HeadFrame) -> dict[str, NDArray]:
    """Stretch: corners apart, lips a bit thinner.  Smile: corners apart and up, cheeks follow."""
    iod = mouth.iod
    room = STRETCH - STRETCH_PER_WIDTH * (mouth.half_width / iod - USUAL_WIDTH)
    amount = float(np.clip(room, LEAST_STRETCH, STRETCH)) * iod
    # The steep inner corners of a round opening tear when they are drawn apart.
    amount *= 1 - ROUND_HELD * float(smoothstep((mouth.gap.max() / mouth.half_width - ROUND_OPENING) / ROUND_EASE))
    beyond = layer.reach - 1
    outward = np.sign(layer.u) * np.where(
        layer.reach < 1, layer.reach**STRETCH_POWER, np.exp(-((beyond / STRETCH_BEYOND) ** 2))
    )
    near = np.exp(-((layer.distance / STRETCH_FALL) ** 2))
    upward = np.where(layer.reach < 1, layer.reach**2, np.exp(-((beyond / CORNER_EASE) ** 2)))
    above, fall = (0.0, CHEEK_FALL_LOWER) if layer.is_lower else (CHEEK_ABOVE, CHEEK_FALL_UPPER)
    cheek = np.exp(-(((layer.reach - CHEEK_AT) / CHEEK_EASE) ** 2) - ((layer.distance - above) / fall) ** 2)
    thinner = layer.sign * STRETCH_THINS * layer.height * layer.vermilion * layer.arch
    return {
        "stretch": _along(amount * outward * near * layer.face, head.right) + _along(thinner, head.down),
        "smile": _along(SMILE_OUT * amount * outward * near * layer.face, head.right)
        - _along((SMILE_UP * amount * upward * near + CHEEK * iod * cheek) * layer.face, head.down),
    }


def _single_lips(layer: MouthLayer, head: HeadFrame) -> dict[str, NDArray]:
    """Upper lip raised, lower lip lowered, lower lip under the teeth (f, v)."""
    iod, still = head.iod, np.zeros((*layer.a.shape, 3))
    wide, narrow = np.exp(-((layer.reach / SINGLE_WIDTH) ** 4)), np.exp(-((layer.reach / LABIODENTAL_WIDTH) ** 4))
    if layer.is_lower:
        room = np.maximum(CHIN_FOLD * layer.lower_room / layer.lower_height, LEAST_ROOM_LOWER)
        lowered = LOWER_LIP_LOWERED * iod * wide * (1 - smoothstep((layer.lips - SINGLE_FROM) / room))
        tucked = (TUCK * iod * layer.lip_only - TUCK_ROLL * layer.lower_height * layer.vermilion) * narrow
        return {"upraise": still, "lowdep": _along(lowered, head.down), "fv": _along(tucked, head.down)}
    fade = 1 - smoothstep(
        (layer.lips - SINGLE_FROM) / np.maximum(layer.upper_room / layer.upper_height, LEAST_ROOM_UPPER)
    )
    return {
        "upraise": _along(-UPPER_LIP_RAISED * iod * wide * fade, head.down),
        "lowdep": still,
        "fv": _along(-TUCK_UPPER * iod * narrow * fade, head.down),
    }
