"""Displacement fields of jaw and lips, evaluated for one layer (side of the tear) at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from .face_fields import within_face
from .head import HeadFrame
from .mouth_shape import MouthShape

JAW_GAP = 0.30  # lip gap at jaw = 1, IOD
CORNER_SHARE = 0.42  # of the jaw drop that the mouth corners follow
# Half width of the opening of ever rounder lips, half widths of the mouth; the last are fully rounded.  Mixing two distant shapes would
# leave wings where the narrower one ends.
ROUND_WIDTHS = (0.86, 0.73, 0.60)
ROUND_FIELDS = tuple((f"round_jaw_{i}", f"round_rest_{i}") for i in range(len(ROUND_WIDTHS)))
REST_LOWER_SHARE = 0.62  # of the picture's own opening that the lower lip closes
# A mouth pictured open by more than this share of its half width stretches and smiles less, down to 1 - ROUND_HELD; smiles reach 0.31.
ROUND_OPENING, ROUND_HELD = 0.34, 0.75
CHIN_SHARE = 0.80  # of the jaw drop that the chin follows; with 1 the lower face looks like a snout
UPPER_LIP_RISE = -0.09  # share of the jaw drop by which the upper lip rises
LOWER_LIP_LOWERED, UPPER_LIP_RAISED = 0.10, 0.085  # at lowdep = 1 and upraise = 1, IOD
JAW_FORWARD = 0.45  # backward part of the jaw's arc per unit of drop


@dataclass(frozen=True)
class MouthLayer:
    """Mouth coordinates of nodes as one layer sees them.

    is_lower: which side of the tear.  sign: -1 lower, +1 upper (direction towards the other lip along the down axis).
    a: px.  u: a in half widths.  reach: |u|.  distance: from the layer's lip edge, IOD.  lips: the same in lip heights.
    below_chin: IOD.  inside: signed distance to the face oval, IOD.  face: weight, 1 inside the face.
    upper_height, lower_height: thickness of the vermilions at a, px.  upper_room, lower_room: from the lip to nose and chin, px.
    """

    is_lower: bool
    a: NDArray
    u: NDArray
    distance: NDArray
    lips: NDArray
    below_chin: NDArray
    inside: NDArray
    face: NDArray
    upper_height: NDArray
    lower_height: NDArray
    upper_room: float
    lower_room: float

    @classmethod
    def at(cls, mouth: MouthShape, x: NDArray, y: NDArray, inside: NDArray, which: str) -> MouthLayer:
        iod, is_lower = mouth.iod, which == "lower"
        a, b = mouth.frame.to_local(x, y)
        edge = mouth.extended(mouth.lower if is_lower else mouth.upper, a)
        b = np.maximum(b, edge) if is_lower else np.minimum(b, edge)  # constant continuation across the tear
        upper_height = np.maximum(mouth.at(mouth.upper - mouth.outer_upper, a), 0.04 * iod)
        lower_height = np.maximum(mouth.at(mouth.outer_lower - mouth.lower, a), 0.05 * iod)
        distance = np.abs(b - edge) / iod
        return cls(
            is_lower=is_lower,
            a=a,
            u=mouth.relative(a),
            distance=distance,
            lips=distance * iod / (lower_height if is_lower else upper_height),
            below_chin=np.clip((b - mouth.chin) / iod, 0, None),
            inside=inside,
            face=within_face(inside),
            upper_height=upper_height,
            lower_height=lower_height,
            upper_room=max(float(mouth.at(mouth.upper, 0.0)) - mouth.nose, 0.15 * iod),
            lower_room=max(mouth.chin - float(mouth.at(mouth.lower, 0.0)), 0.4 * iod),
        )

    @property
    def sign(self) -> int:
        return -1 if self.is_lower else 1

    @cached_property
    def reach(self) -> NDArray:
        return np.abs(self.u)

    @property
    def height(self) -> NDArray:
        return self.lower_height if self.is_lower else self.upper_height

    @cached_property
    def arch(self) -> NDArray:
        """Half ellipse over the mouth, 1 in the middle, 0 from the corners on."""
        return np.sqrt(np.clip(1 - self.u**2, 0, 1))

    @cached_property
    def opening(self) -> NDArray:
        """Profile of the jaw's opening along the mouth."""
        return np.clip(1 - self.reach**2.3, 0, 1) ** 0.68

    @cached_property
    def vermilion(self) -> NDArray:
        """Rises from the lip edge to 1 at the vermilion border, gone 1.6 lip heights beyond it."""
        return smoothstep(np.where(self.lips < 1, self.lips, np.clip(1 - (self.lips - 1) / 1.6, 0, 1)))

    @cached_property
    def lip_only(self) -> NDArray:
        """1 at the lip, 0 at nose base or chin fold: what moves when a lip closes without the jaw."""
        if self.is_lower:
            room = np.maximum(0.8 * self.lower_room / self.lower_height - 0.25, 1.2)
        else:
            room = np.maximum(self.upper_room / self.upper_height - 0.25, 0.8)
        return 1 - smoothstep((self.lips - 0.25) / room)

    def ear_falloff(self, mouth: MouthShape) -> NDArray:
        """1 in the middle of the face, 0 at the ears."""
        reach = np.where(self.a < 0, max(-mouth.ear_a[0], 0.8 * mouth.iod), max(mouth.ear_a[1], 0.8 * mouth.iod))
        return np.cos(np.clip(np.abs(self.a) / reach, 0, 1) * np.pi / 2) ** 0.8


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
    beyond = np.exp(-((np.clip(layer.reach - 1, 0, None) / 2.2) ** 2))
    lip = 1.0 if layer.is_lower else UPPER_LIP_RISE
    at_lip = np.where(layer.reach < 1, CORNER_SHARE + (lip - CORNER_SHARE) * layer.opening, CORNER_SHARE * beyond)
    if layer.is_lower:
        weight = at_lip + (CHIN_SHARE - at_lip) * smoothstep(layer.distance / 0.62)
        weight *= 1 - smoothstep(layer.below_chin / 1.15)
    else:
        weight = at_lip * (1 - smoothstep(layer.distance / 0.75))
    weight *= (1 - smoothstep(-layer.inside / (0.85 if layer.is_lower else 0.6))) * layer.ear_falloff(mouth)
    corners = np.exp(-(((layer.reach - 1) / 0.55) ** 2) - (layer.distance / 0.35) ** 2) * np.sign(layer.u) * layer.face
    drop = JAW_GAP * mouth.iod * (head.down + JAW_FORWARD * head.back)
    return _along(weight, drop) - _along(0.05 * mouth.iod * corners, head.right)


def _closing(layer: MouthLayer, mouth: MouthShape, head: HeadFrame) -> dict[str, NDArray]:
    """Fields that take an opening away again, by the lips alone: all of it, or all but a round middle."""

    def close(gap: NDArray, lower_share: float) -> NDArray:
        share = lower_share if layer.is_lower else 1 - lower_share
        return _along(layer.sign * share * gap * layer.lip_only, head.down)

    torn = layer.reach < 1
    jaw_gap = JAW_GAP * mouth.iod * (1 - UPPER_LIP_RISE) * layer.opening * torn * layer.ear_falloff(mouth)
    own_gap = mouth.at(mouth.gap, layer.a) * torn
    overlap = max(0.014 * mouth.iod, sum(mouth.contact)) * mouth.rim(layer.a) * torn
    fields = {"close_jaw": close(jaw_gap, 0.72), "close_rest": close(own_gap + overlap, REST_LOWER_SHARE)}
    for width, (of_jaw, of_rest) in zip(ROUND_WIDTHS, ROUND_FIELDS, strict=True):
        ellipse = np.clip(1 - (layer.reach / width) ** 2, 0, 1) ** 0.6
        sides = 1 - np.minimum(ellipse / np.maximum(layer.opening, 1e-3), 1)
        fields |= {of_jaw: close(jaw_gap * sides, 0.45), of_rest: close((own_gap + overlap) * sides, 0.45)}
    return fields


def _press(layer: MouthLayer, head: HeadFrame) -> NDArray:
    thinner = layer.sign * 0.34 * layer.height * layer.vermilion * layer.arch
    if layer.is_lower:
        thinner = thinner - 0.10 * layer.lower_height * layer.arch * layer.lip_only
    return _along(thinner, head.down)


def _pucker(layer: MouthLayer, mouth: MouthShape, head: HeadFrame) -> NDArray:
    """Towards the middle, forward, lips fuller; corners of a smile come down to the lip line."""
    iod, half = mouth.iod, mouth.half_width
    inward = np.clip(1 - 0.30 * iod / half, 0.15, 0.34 + 0.10 * mouth.smile)
    fall = np.where(layer.reach < 1, layer.u, np.sign(layer.u) * np.exp(-(((layer.reach - 1) / 0.95) ** 2)))
    near = 1 - smoothstep((layer.distance - 0.05) / (0.75 if layer.is_lower else 0.55))
    field = _along(-inward * half * fall * near * layer.face, head.right)
    field += _along(-0.14 * iod * np.exp(-((layer.reach / 1.1) ** 2)) * near, head.back)
    middle = float(mouth.at(mouth.seam, 0.0))
    lift = np.where(layer.a < 0, middle - mouth.lower[0], middle - mouth.lower[-1])
    towards_corner = np.where(layer.reach < 1, layer.u**2, np.exp(-(((layer.reach - 1) / 0.7) ** 2)))
    field += _along(
        (0.75 + 0.20 * mouth.smile) * np.clip(lift, 0, 0.25 * iod) * towards_corner * near * layer.face, head.down
    )
    fullness = 0.16 + 0.34 * mouth.smile  # a smile has stretched the lips thin
    fuller = -layer.sign * fullness * layer.height * layer.vermilion * np.exp(-((layer.reach / 0.75) ** 2))
    return field + _along(fuller, head.down)


def _corners(layer: MouthLayer, mouth: MouthShape, head: HeadFrame) -> dict[str, NDArray]:
    """Stretch: corners apart, lips a bit thinner.  Smile: corners apart and up, cheeks follow."""
    iod = mouth.iod
    amount = float(np.clip(0.105 - 0.35 * (mouth.half_width / iod - 0.42), 0.035, 0.105)) * iod
    # The steep inner corners of a round opening tear when they are drawn apart.
    amount *= 1 - ROUND_HELD * float(smoothstep((mouth.gap.max() / mouth.half_width - ROUND_OPENING) / 0.2))
    beyond = layer.reach - 1
    outward = np.sign(layer.u) * np.where(layer.reach < 1, layer.reach**1.4, np.exp(-((beyond / 0.8) ** 2)))
    near = np.exp(-((layer.distance / 0.55) ** 2))
    upward = np.where(layer.reach < 1, layer.reach**2, np.exp(-((beyond / 0.7) ** 2)))
    height = (layer.distance / 0.3) ** 2 if layer.is_lower else ((layer.distance - 0.35) / 0.4) ** 2
    cheek = np.exp(-(((layer.reach - 1.25) / 0.6) ** 2) - height)
    thinner = layer.sign * 0.10 * layer.height * layer.vermilion * layer.arch
    return {
        "stretch": _along(amount * outward * near * layer.face, head.right) + _along(thinner, head.down),
        "smile": _along(0.8 * amount * outward * near * layer.face, head.right)
        - _along((0.8 * amount * upward * near + 0.03 * iod * cheek) * layer.face, head.down),
    }


def _single_lips(layer: MouthLayer, head: HeadFrame) -> dict[str, NDArray]:
    """Upper lip raised, lower lip lowered, lower lip under the teeth (f, v)."""
    iod, still = head.iod, np.zeros((*layer.a.shape, 3))
    wide, narrow = np.exp(-((layer.reach / 0.8) ** 4)), np.exp(-((layer.reach / 0.85) ** 4))
    if layer.is_lower:
        room = np.maximum(0.8 * layer.lower_room / layer.lower_height, 1)
        lowered = LOWER_LIP_LOWERED * iod * wide * (1 - smoothstep((layer.lips - 0.2) / room))
        tucked = (0.022 * iod * layer.lip_only - 0.42 * layer.lower_height * layer.vermilion) * narrow
        return {"upraise": still, "lowdep": _along(lowered, head.down), "fv": _along(tucked, head.down)}
    fade = 1 - smoothstep((layer.lips - 0.2) / np.maximum(layer.upper_room / layer.upper_height, 0.8))
    return {
        "upraise": _along(-UPPER_LIP_RAISED * iod * wide * fade, head.down),
        "lowdep": still,
        "fv": _along(-0.045 * iod * narrow * fade, head.down),
    }
