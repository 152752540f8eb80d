"""The mouth in the picture: how far it is open, and whether it can be seen at all."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..curves import cheapest_path, smoothstep
from ..lab import lab_of_srgb
from .crop import SquareCrop
from .head_pose import HeadPose

INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
MIDDLE = slice(3, 8)
BARE_SKIN = (6, 197, 195, 151, 9, 108, 337, 118, 347, 101, 330, 50, 280)  # nose bridge, forehead, upper cheeks
AROUND_MOUTH = (  # subject's right half, left half
    (165, 92, 167, 83, 182, 106, 43, 57, 164, 18),
    (391, 322, 393, 313, 406, 335, 273, 287, 164, 18),
)

COLUMNS, ROWS = 64, 49
REACH = 0.22  # half height of the strip, of the eye distance
RIDGE = 0.10  # window that a lip line is darker than, of the eye distance
PRIOR = 0.10  # how far the lip line may lie from the mesh's, of the eye distance
STEP_COST = 0.35

# Found on twelve faces, clear (also blurred, dark, noisy, small) and with painted masks, microphones, patches and cups.
FAINT_RIDGE, FULL_RIDGE = (
    0.8,
    2.8,
)  # darkness of the lip line in percent of the skin's lightness: pleats of a mask, a lip line
FOREIGN_COLOUR = (0.75, 1.0)  # chroma distance around the mouth / the skin's chroma: skin or beard, something else
# Colour says little of pale, bright or contrasty pictures, so a strong lip line is believed whatever it says.  On 44 uncovered faces,
# also at +-1.5 EV and +-40 % contrast, the weaker half had 0.98 and 6.6 or more where colour objected;
# halves under painted masks and microphones 0.2 and 0.8 or less.
SURE_LINE, SURE_RIDGE = (
    (0.5, 0.95),
    (3.5, 6.0),
)  # line darkness / the strip's contrast; the same in percent of the skin's lightness
LEAST_CHROMA = 15.0  # greyer skin (statue, old photo) is compared as if it had this chroma
COLOUR_SIDE = 128  # px of the face crop in which colours are compared


@dataclass(frozen=True)
class Mouth:
    """opening: inner lip gap / eye distance.  clarity: 1.3 and more where the lips can be seen, under 0.8 covered."""

    opening: float
    clarity: float


def read_mouth(image: NDArray[np.uint8], landmarks: NDArray[np.float32], pose: HeadPose, crop: SquareCrop) -> Mouth:
    """Measure the mouth of the face with these landmarks [468, 3] in an RGB picture; `crop` is the upright square around it."""
    upper, lower = (landmarks[list(lip), :2].astype(np.float64) for lip in (INNER_UPPER_LIP, INNER_LOWER_LIP))
    down = pose.axes[:2, 1] / np.linalg.norm(pose.axes[:2, 1])
    opening = float(np.mean((lower - upper)[MIDDLE] @ down)) / pose.eye_distance
    skin, around = skin_colours(image, landmarks, crop)
    strip = lip_strip(image, (upper + lower) / 2, down, pose.eye_distance)
    return Mouth(max(opening, 0.0), clarity(strip, skin, around))


def clarity(strip: NDArray[np.float32], skin: NDArray[np.float32], around: NDArray[np.float32]) -> float:
    """Confidence that lips can be seen, of the worse half of the mouth, since a microphone may cover one half only.

    High where a line darker than its surroundings runs along the lips and is dark enough to be no pleat of a mask; where it is faint,
    the mouth's surroundings must have the colour of skin, too.

    strip: Lab [ROWS, COLUMNS, 3].  skin: Lab [3].  around: Lab [2 halves, points, 3].
    """
    depth, contrast = lip_line_depth(strip)
    percent = depth / max(float(skin[0]), 8.0) * 100
    chroma = max(float(np.hypot(*skin[1:])), LEAST_CHROMA)
    foreign = np.percentile(np.linalg.norm(around[..., 1:] - skin[1:], axis=-1) / chroma, 75, axis=1)
    halves = []
    for line, part, colour in zip(np.array_split(depth, 2), np.array_split(percent, 2), foreign, strict=True):
        strength, ridge = float(line.mean()) / contrast, float(part.mean())
        unsure = 1 - _ramp(strength, *SURE_LINE) * _ramp(ridge, *SURE_RIDGE)
        visible = _ramp(ridge, FAINT_RIDGE, FULL_RIDGE) * (1 - unsure * _ramp(colour, *FOREIGN_COLOUR))
        halves.append(strength * visible)
    return float(min(halves))


def skin_colours(
    image: NDArray[np.uint8], landmarks: NDArray[np.float32], crop: SquareCrop
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lab of the bare skin of the upper face [3], and of points around the mouth [2 halves, points, 3]."""
    lab = lab_of_srgb(crop.read(image, COLOUR_SIDE))
    matrix = crop.to_pixels(COLOUR_SIDE)
    pixels = np.round(landmarks[:, :2] @ matrix[:, :2].T + matrix[:, 2]).astype(int).clip(0, COLOUR_SIDE - 1)

    def colours(points: tuple[int, ...]) -> NDArray[np.float32]:
        x, y = pixels[list(points)].T
        return lab[y, x]

    return np.median(colours(BARE_SKIN), 0), np.stack([colours(half) for half in AROUND_MOUTH])


def lip_strip(
    image: NDArray[np.uint8], middle: NDArray[np.float64], down: NDArray[np.float64], eye_distance: float
) -> NDArray[np.float32]:
    """Lab [ROWS, COLUMNS, 3] along the mesh's lip line [11, 2]; its middle row is that line."""
    t = np.linspace(0.05, 0.95, COLUMNS) * (len(middle) - 1)
    line = np.stack([np.interp(t, np.arange(len(middle)), middle[:, axis]) for axis in (0, 1)], -1)
    offsets = np.linspace(-REACH, REACH, ROWS) * eye_distance
    grid = line[None] + offsets[:, None, None] * down
    low = np.maximum(np.floor(grid.min((0, 1))).astype(int) - 8, 0)
    high = np.ceil(grid.max((0, 1))).astype(int) + 8
    patch = image[low[1] : high[1], low[0] : high[0]].astype(np.float32) / 255
    shrink = 2 * REACH * eye_distance / ROWS
    if shrink > 1:
        patch = cv2.GaussianBlur(patch, (0, 0), 0.5 * shrink)
    x, y = np.moveaxis((grid - low).astype(np.float32), -1, 0)
    rgb = cv2.remap(patch, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return lab_of_srgb(rgb)


def lip_line_depth(strip: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """How much darker than its surroundings the darkest smooth path through the strip is: L per column, and the strip's contrast in L."""
    light = strip[..., 0]
    window = round(RIDGE / (2 * REACH) * ROWS) | 1
    ridge = light - cv2.blur(light, (1, window), borderType=cv2.BORDER_REPLICATE)
    contrast = max(float(ridge.std()), 0.5)
    offsets = np.linspace(-REACH, REACH, ROWS)[:, None]
    path = cheapest_path(ridge / contrast + 0.5 * (offsets / PRIOR) ** 2, 1, STEP_COST)
    return -ridge[path, np.arange(COLUMNS)].astype(np.float64), contrast


def _ramp(value: float, low: float, high: float) -> float:
    """Smoothly from 0 at `low` to 1 at `high`."""
    return float(smoothstep((value - low) / (high - low)))
