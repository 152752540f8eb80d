"""The mouth in the picture: how far it is open, and whether it can be seen at all."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .head_pose import HeadPose

INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
MIDDLE = slice(3, 8)

COLUMNS, ROWS = 64, 49
REACH = 0.22  # half height of the strip, of the eye distance
RIDGE = 0.10  # window that a lip line is darker than, of the eye distance
PRIOR = 0.10  # how far the lip line may lie from the mesh's, of the eye distance
STEP_COST = 0.35
OPEN = 0.055  # wider than this, teeth and darkness show instead of a line


@dataclass(frozen=True)
class Mouth:
    """opening: inner lip gap / eye distance.  clarity: 1.3 and more where the lips can be seen, under 0.8 covered."""

    opening: float
    clarity: float


def read_mouth(image: NDArray[np.uint8], landmarks: NDArray[np.float32], pose: HeadPose) -> Mouth:
    """Measure the mouth of the face with these landmarks [468, 3] in an RGB picture."""
    upper, lower = (landmarks[list(lip), :2].astype(np.float64) for lip in (INNER_UPPER_LIP, INNER_LOWER_LIP))
    down = pose.axes[:2, 1] / np.linalg.norm(pose.axes[:2, 1])
    opening = float(np.mean((lower - upper)[MIDDLE] @ down)) / pose.eye_distance
    strip = lip_strip(image, (upper + lower) / 2, down, pose.eye_distance)
    halves = np.array_split(ridge_depth(strip), 2)
    return Mouth(max(opening, 0.0), float(min(half.mean() for half in halves)))


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
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)


def ridge_depth(strip: NDArray[np.float32]) -> NDArray[np.float64]:
    """How much darker than its surroundings the darkest smooth path through the strip is, per column, in units of the strip's contrast."""
    light = strip[..., 0]
    window = round(RIDGE / (2 * REACH) * ROWS) | 1
    ridge = light - cv2.blur(light, (1, window), borderType=cv2.BORDER_REPLICATE)
    ridge = ridge / max(float(ridge.std()), 0.5)
    offsets = np.linspace(-REACH, REACH, ROWS)[:, None]
    path = cheapest_path(ridge + 0.5 * (offsets / PRIOR) ** 2)
    return -ridge[path, np.arange(COLUMNS)].astype(np.float64)


def cheapest_path(cost: NDArray[np.floating]) -> NDArray[np.intp]:
    """Row per column of the path from left to right with the least total cost, moving at most one row a column."""
    rows, columns = cost.shape
    total, came_from = cost[:, 0].astype(np.float64), np.empty((columns, rows), np.intp)
    steps = np.array([0.0, STEP_COST, STEP_COST])
    for column in range(1, columns):
        padded = np.pad(total, 1, constant_values=np.inf)
        options = np.stack([padded[1:-1], padded[:-2], padded[2:]]) + steps[:, None]
        best = options.argmin(0)
        came_from[column] = np.arange(rows) + np.array([0, -1, 1])[best]
        total = options.min(0) + cost[:, column]
    path = np.empty(columns, np.intp)
    path[-1] = total.argmin()
    for column in range(columns - 1, 0, -1):
        path[column - 1] = came_from[column, path[column]]
    return path
