"""What shows between parted lips: darkness, tongue, teeth, and the picture's own inside of the mouth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep, smoothstep_of
from ..parameters import Pose
from .head import HeadFrame
from .mouth_fields import JAW_FORWARD, JAW_GAP, REST_LOWER_SHARE
from .mouth_interior import Interior
from .mouth_shape import MouthShape
from .palette import Palette
from .photo_interior import PhotoInterior

# All by eye.  Lengths are mouth units (about 0.4 IOD), lights are shares, unless another unit is said.
# Light in pairs: what there is at a lip, under the upper or over the lower one, and what is added on the way to full light, with its depth.
REST_PICTURE = 0.30  # mouth coefficient over which the untouched resting pixels give way to the speaking cut-out
FLESH = np.array([0.30, -0.06, -0.26], np.float32)  # light in the mouth's shade has passed through or come off flesh
BACK = 0.10  # IOD behind the lips: where teeth and tongue turn with the head
ROUNDING = 1.3  # times pucker: lips count as fully rounded a little before it is 1

# The dark behind, with a rim of wet flesh at the lower lip.
DARK_DEPTH = 0.22  # from the lips to the deepest
RIM_LIGHT, DEPTH_SHADE = 1.8, 1.1  # times the cavity's colour; less in the depth
MUCOSA, MUCOSA_DEPTH = 0.10, 0.10  # of its colour; length over which it fades

# Upper teeth stand back from the lips: dark under the upper lip, in the corridor to the corners, and behind rounded lips.
CORRIDOR, CORRIDOR_LENGTH = (0.12, 0.88), 0.62  # half widths of the mouth from its corners to full light
UNDER_LIP, UNDER_LIP_DEPTH = (0.55, 0.45), 0.12
PUCKER_SHADE = 0.55
CARTOON_LIGHT = 0.55, 0.45  # of flat paint
MOUSTACHE_SHADE = 0.5
UPPER_BELOW, CARTOON_UPPER_BELOW = 0.115, 0.085  # from the pictured lip's edge down to the biting edge
DRAWN_UP = 0.15  # by which fully rounded lips come down over drawn teeth: oo shows none

# The tongue.
TONGUE_BELOW, TONGUE_RAISED = 0.10, 0.30  # from the lower lip down to its top; a raised tip goes up
TONGUE_JAW, TIP_JAW = 0.60, 0.25  # of the jaw's drop that it follows; less with its tip up
TONGUE_PUCKER_SHADE = 0.6
TONGUE_UNDER, TONGUE_UNDER_DEPTH = (0.30, 0.70), 0.75
TONGUE_OVER, TONGUE_OVER_DEPTH = (0.55, 0.45), 0.16

# Lower teeth.
LOWER_BELOW = 0.01  # from the lower lip down to their biting edge
LOWER_UNDER, LOWER_UNDER_DEPTH = (0.35, 0.65), 0.45
LOWER_OVER, LOWER_OVER_DEPTH = (0.45, 0.55), 0.10

# The picture's own inside.
LIP_OVER_TEETH = 0.85  # of the pictured opening's height, when the lips are fully rounded
ROUNDED_SHADE = 0.45  # of them on what they come down over
PHOTO_FADE = 0.05  # IOD of opening beyond the pictured one over which drawn teeth take over
# share of a parted mouth's own opening beyond it over which its untouched pixels give way; times pucker, likewise
SLIVER_KEPT, SLIVER_ROUNDING = 0.4, 2.0
JAW_CLOSES = 0.5  # of the pictured opening, by which lower teeth rise when the lips close: a mouth is closed by the jaw


Motion = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Rotation and shift, `HeadFrame.motion`."""


def speaking(strength: float) -> float:
    """0 at rest, 1 in speech.  strength: largest mouth coefficient."""
    return smoothstep_of(strength / REST_PICTURE)


def _lit(light: tuple[float, float], share: NDArray) -> NDArray:
    """Light that rises from its first number, at share 0, by its second, at share 1."""
    at_lip, added = light
    return at_lip + added * smoothstep(share)


@dataclass(frozen=True)
class Cavity:
    """All that is needed to paint the inside of the mouth for any pose.  moustache: 0 to 1, hangs over the upper teeth."""

    mouth: MouthShape
    head: HeadFrame
    palette: Palette
    interior: Interior
    photo: PhotoInterior | None
    moustache: float

    def paint(
        self,
        pose: Pose,
        box: tuple[int, int, int, int],
        above: NDArray[np.float32],
        below: NDArray[np.float32],
        widest: float,
        from_corner: NDArray[np.float32],
        strength: float,
    ) -> NDArray[np.float32]:
        """Linear planes [3, h, w] of the box x0, y0, x1, y1.

        above, below: signed px from the upper and lower lip edge (+ above).  widest: largest opening, px.
        from_corner: px from the nearer end of the mouth, along it.
        strength: largest mouth coefficient.
        """
        palette, unit = self.palette, self.interior.unit
        under_upper, over_lower = np.clip(-above, 0, None), np.clip(below, 0, None)
        depth = smoothstep(np.minimum(under_upper, over_lower) / (DARK_DEPTH * unit))
        canvas: NDArray = _plane_colour(palette.cavity) * (RIM_LIGHT - DEPTH_SHADE * depth)
        canvas += _plane_colour(MUCOSA * palette.mucosa) * np.exp(-over_lower / (MUCOSA_DEPTH * unit))

        corridor = _lit(CORRIDOR, from_corner / (CORRIDOR_LENGTH * self.mouth.half_width))
        teeth_light = (
            _lit(UNDER_LIP, under_upper / (UNDER_LIP_DEPTH * unit)) * corridor * (1 - PUCKER_SHADE * pose.pucker)
        )
        if palette.cartoon:  # flat paint
            teeth_light = CARTOON_LIGHT[0] + CARTOON_LIGHT[1] * teeth_light
        teeth_light = teeth_light * (1 - MOUSTACHE_SHADE * self.moustache)

        # Rounded lips come down over the teeth: to the eye the same as teeth drawn back behind both.
        hidden = DRAWN_UP * smoothstep_of(ROUNDING * pose.pucker) * unit
        motion = self.head.motion(pose)
        middle = len(self.mouth.a) // 2
        upper_lip = self.mouth.upper[middle]
        lower_lip = self.mouth.lower[middle]
        # The tongue rests behind the lower lip, which has come up in a mouth that the picture shows open.
        raised = REST_LOWER_SHARE * max(pose.rest, pose.close, pose.fv) * self.mouth.gap[middle]
        tongue = lower_lip - raised + TONGUE_BELOW * unit
        interior, tip = self.interior, pose.tongue
        canvas = self._over(
            canvas,
            interior.tongue,
            self._placed(motion, pose.jaw, box, tongue - TONGUE_RAISED * tip * unit, TONGUE_JAW - TIP_JAW * tip),
            (1 - TONGUE_PUCKER_SHADE * pose.pucker)
            * _lit(TONGUE_UNDER, under_upper / (TONGUE_UNDER_DEPTH * unit))
            * _lit(TONGUE_OVER, over_lower / (TONGUE_OVER_DEPTH * unit)),
        )
        if interior.lower_teeth is not None and (self.photo is None or self.photo.jaw is None):
            canvas = self._over(
                canvas,
                interior.lower_teeth,
                self._placed(motion, pose.jaw, box, lower_lip + LOWER_BELOW * unit + hidden, 1.0),
                _lit(LOWER_UNDER, under_upper / (LOWER_UNDER_DEPTH * unit))
                * _lit(LOWER_OVER, over_lower / (LOWER_OVER_DEPTH * unit))
                * corridor,
            )
        if self.photo is None or not self.photo.replaces_teeth:
            edge = upper_lip + (CARTOON_UPPER_BELOW if palette.cartoon else UPPER_BELOW) * unit - hidden
            placed = self._placed(motion, pose.jaw, box, edge, 0.0)
            canvas = self._over(canvas, interior.upper_teeth, placed, teeth_light)
        if self.photo is not None:
            canvas = self._over_photo(canvas, motion, pose, box, widest, strength)
        return canvas

    @property
    def _flesh(self) -> NDArray[np.float32]:
        """[3, 1, 1], beside planes."""
        return _plane_colour(FLESH * (not self.palette.gray))

    @cached_property
    def _jaw_drop(self) -> NDArray[np.float64]:
        """[3] px by which an open jaw carries what follows it."""
        head = self.head
        return JAW_GAP * head.iod * (head.down + JAW_FORWARD * head.back)

    @cached_property
    def _behind_middle(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[3] px, the place behind the middle of the mouth at mouth-frame b of 0, and [3] the way from there per px of b."""
        head, frame = self.head, self.mouth.frame
        x, y = frame.to_image((self.mouth.a[0] + self.mouth.a[-1]) / 2, 0.0)
        depth = head.eye_center[2] + (head.lip_depth + BACK * head.iod) * head.back[2]
        return np.array([x, y, depth]), np.append(frame.down, 0.0)

    def _behind(self, b: float) -> NDArray[np.float64]:
        """[3] px, the place behind the middle of the mouth at mouth-frame b."""
        place, down = self._behind_middle
        return place + b * down

    def _placed(
        self, motion: Motion, jaw: float, box: tuple[int, int, int, int], b: float, jaw_share: float
    ) -> NDArray[np.float64]:
        """Affine map sprite px -> box px for a sprite whose origin sits at mouth-frame b and follows a share of the jaw."""
        interior, (rotation, shift) = self.interior, motion
        origin = rotation @ (self._behind(b) + jaw_share * jaw * self._jaw_drop) + shift
        matrix = rotation[:2] @ self.head.axes[:, :2] * (interior.unit / interior.density)
        return _affine(matrix, origin[:2] - box[:2] - matrix @ interior.center)

    def _over_photo(
        self,
        canvas: NDArray,
        motion: Motion,
        pose: Pose,
        box: tuple[int, int, int, int],
        widest: float,
        strength: float,
    ) -> NDArray:
        photo, head, (rotation, shift) = self.photo, self.head, motion
        assert photo is not None  # asked by the caller
        origin = self._behind(self.mouth.upper[len(self.mouth.a) // 2])
        active = speaking(strength)
        if not self.mouth.wide_open:  # a sliver shows best untouched, until lips open beyond it
            beyond = smoothstep_of((widest / float(self.mouth.gap.max()) - 1) / SLIVER_KEPT)
            active *= max(beyond, smoothstep_of(SLIVER_ROUNDING * pose.pucker))
        # Rounded lips come down over the teeth: to the eye the same as teeth drawn up behind the lip.
        rounded = smoothstep_of(ROUNDING * pose.pucker) * active
        lift = LIP_OVER_TEETH * rounded * float(self.mouth.gap.max()) * head.down
        matrix = rotation[:2, :2]
        offset = (rotation @ (origin - lift) + shift)[:2] + matrix @ (photo.origin - origin[:2]) - box[:2]
        sprite = photo.speaking if active >= 1 else photo.speaking * active + photo.resting * (1 - active)
        layer, cover = _placed_planes(sprite.astype(np.float32), _affine(matrix, offset), canvas)
        if not photo.replaces_teeth:
            fade = 1 - smoothstep_of(float(widest - self.mouth.gap.max()) / (PHOTO_FADE * self.mouth.iod))
            layer, cover = layer * fade, cover * fade
        # ... and shade them; what light is left comes through flesh.
        light = np.float32(1 - ROUNDED_SHADE * rounded) ** (1 - self._flesh)
        if photo.jaw is not None and active > 0:
            raised = JAW_CLOSES * max(pose.rest, pose.close) * self.mouth.gap.max()
            drop = (pose.jaw * self._jaw_drop - raised * head.down + lift)[:2]
            lower, lower_cover = _placed_planes(photo.jaw, _affine(matrix, offset + drop), canvas)
            canvas = lower * (active * light) + canvas * (1 - active * lower_cover)
        return layer * light + canvas * (1 - cover)

    def _over(self, canvas: NDArray, sprite: NDArray[np.float32], matrix: NDArray, shade: NDArray) -> NDArray:
        layer, cover = _placed_planes(sprite, matrix, canvas)
        return layer * (shade * (1 + (1 - shade) * self._flesh)) + canvas * (1 - cover)


def _plane_colour(color: NDArray) -> NDArray[np.float32]:
    """A colour [3] beside planes: [3, 1, 1]."""
    return np.asarray(color, np.float32)[:, None, None]


def _affine(matrix: NDArray[np.float64], offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """[2, 3] of [2, 2] and [2], for OpenCV."""
    whole = np.empty((2, 3))
    whole[:, :2], whole[:, 2] = matrix, offset
    return whole


def _placed_planes(
    sprite: NDArray[np.float32], matrix: NDArray, canvas: NDArray
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A premultiplied RGBA sprite laid on the canvas's pixels: planes of its colour [3, h, w], and its opacity [h, w]."""
    height, width = canvas.shape[1:]
    planes = np.stack(cv2.split(cv2.warpAffine(sprite, matrix, (width, height), flags=cv2.INTER_LINEAR)))
    return planes[:3], planes[3]
