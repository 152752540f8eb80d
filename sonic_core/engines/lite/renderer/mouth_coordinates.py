"""MouthLayer: where nodes of the grid lie beside the mouth, as one side of the tear sees them, and profiles over its lips."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from .face_fields import within_face
from .mouth_shape import MouthShape

# All by eye.  Lengths are IOD unless another unit is said.
LEAST_UPPER, LEAST_LOWER = 0.04, 0.05  # height of the vermilions
LEAST_UPPER_ROOM, LEAST_LOWER_ROOM = 0.15, 0.4  # from the lip to nose and chin
LEAST_EAR, EAR_POWER = 0.8, 0.8  # from the middle to an ear; exponent of the fall to there

# Profiles over a lip: distances in heights of the vermilion.
VERMILION_FALL = 1.6  # beyond its border
LIP_STILL = 0.25  # up to here all of a lip moves when it closes without the jaw
CHIN_FOLD = 0.8  # share of the room below the lower lip in which it comes to rest
LEAST_FALL_UPPER, LEAST_FALL_LOWER = 0.8, 1.2
OPENING_POWERS = 2.1, 0.78  # of the jaw's opening along the mouth: of the reach, and of the whole


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
        upper_height = np.maximum(mouth.at(mouth.upper - mouth.outer_upper, a), LEAST_UPPER * iod)
        lower_height = np.maximum(mouth.at(mouth.outer_lower - mouth.lower, a), LEAST_LOWER * iod)
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
            upper_room=max(float(mouth.at(mouth.upper, 0.0)) - mouth.nose, LEAST_UPPER_ROOM * iod),
            lower_room=max(mouth.chin - float(mouth.at(mouth.lower, 0.0)), LEAST_LOWER_ROOM * iod),
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
        along, whole = OPENING_POWERS
        return np.clip(1 - self.reach**along, 0, 1) ** whole

    @cached_property
    def vermilion(self) -> NDArray:
        """Rises from the lip edge to 1 at the vermilion border, gone VERMILION_FALL lip heights beyond it."""
        return smoothstep(np.where(self.lips < 1, self.lips, np.clip(1 - (self.lips - 1) / VERMILION_FALL, 0, 1)))

    @cached_property
    def lip_only(self) -> NDArray:
        """1 at the lip, 0 at nose base or chin fold: what moves when a lip closes without the jaw."""
        if self.is_lower:
            room = np.maximum(CHIN_FOLD * self.lower_room / self.lower_height - LIP_STILL, LEAST_FALL_LOWER)
        else:
            room = np.maximum(self.upper_room / self.upper_height - LIP_STILL, LEAST_FALL_UPPER)
        return 1 - smoothstep((self.lips - LIP_STILL) / room)

    def ear_falloff(self, mouth: MouthShape) -> NDArray:
        """1 in the middle of the face, 0 at the ears."""
        least = LEAST_EAR * mouth.iod
        reach = np.where(self.a < 0, max(-mouth.ear_a[0], least), max(mouth.ear_a[1], least))
        return np.cos(np.clip(np.abs(self.a) / reach, 0, 1) * np.pi / 2) ** EAR_POWER
