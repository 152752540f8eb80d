"""Contact sheet: eighteen poses of one portrait, labelled, to see at a glance how well it animates."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...portrait.portrait import Portrait
from ...progress import Progress, ignore
from .parameters import parameters
from .renderer import PortraitRenderer
from .renderer.head import head_frame

COLUMNS = 6
FACE_SPAN = 3.6  # IOD shown per cell
SPEECH = 0.45  # of the picture's own opening that is taken away while speaking

POSES: tuple[tuple[str, dict[str, float]], ...] = (
    ("photo (neutral)", {}),
    ("closed / pressed M", {"close": 1, "press": 0.5, "jaw": 0.1}),
    ("AA wide", {"jaw": 1, "rest": SPEECH}),
    ("AA mid", {"jaw": 0.55, "lowdep": 0.15, "rest": SPEECH}),
    ("EE stretch", {"jaw": 0.25, "stretch": 0.9, "lowdep": 0.25, "upraise": 0.15, "rest": SPEECH}),
    ("OO pucker", {"jaw": 0.24, "pucker": 0.95, "rest": SPEECH}),
    ("FV", {"jaw": 0.12, "fv": 1, "rest": SPEECH}),
    ("OH", {"jaw": 0.5, "pucker": 0.6, "rest": SPEECH}),
    ("smile", {"smile": 1}),
    ("blink", {"blink_l": 1, "blink_r": 1}),
    ("half blink", {"blink_l": 0.5, "blink_r": 0.5}),
    ("brows up", {"brow": 1}),
    ("yaw -8", {"yaw": -8}),
    ("yaw +8", {"yaw": 8}),
    ("pitch -6", {"pitch": -6}),
    ("pitch +6", {"pitch": 6}),
    ("roll +6", {"roll": 6}),
    ("yaw + AA", {"yaw": 6, "jaw": 0.7, "rest": SPEECH}),
)


def contact_sheet(
    portrait: Portrait, renderer: PortraitRenderer, cell: int = 256, progress: Progress = ignore
) -> NDArray[np.uint8]:
    """RGB picture of POSES, COLUMNS in a row, each cell `cell` px square and centred on the face; `renderer` is of `portrait`."""
    cells = []
    for i, (label, values) in enumerate(POSES):
        cells.append(_labelled(face_cell(portrait, renderer.render(parameters(**values)), cell), label))
        progress("rendering", i + 1, len(POSES))
    rows = [np.hstack(cells[i : i + COLUMNS]) for i in range(0, len(cells), COLUMNS)]
    return np.vstack(rows)


def face_cell(portrait: Portrait, frame: NDArray[np.uint8], size: int, span: float = FACE_SPAN) -> NDArray[np.uint8]:
    """Square of `span` IOD round the face, scaled to `size` px."""
    iod = head_frame(portrait.landmarks).iod
    center = np.asarray(portrait.landmarks)[:, :2].mean(0)
    scale = size / (span * iod)
    matrix = np.array([[scale, 0, size / 2 - center[0] * scale], [0, scale, size / 2 - center[1] * scale]])
    if scale < 1:  # warpAffine does not average when it shrinks
        frame = cv2.GaussianBlur(frame, (0, 0), 0.5 / scale)
    flags = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    return cv2.warpAffine(frame, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _labelled(cell: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    x, y, size = 6, cell.shape[0] - 8, cell.shape[0] / 600
    # Thicker strokes would also be wider apart: the outline is the same text, moved.
    outline = [((0, 0, 0), dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    for color, dx, dy in (*outline, ((255, 255, 255), 0, 0)):
        cv2.putText(cell, text, (x + dx, y + dy), cv2.FONT_HERSHEY_SIMPLEX, size, color, 1, cv2.LINE_AA)
    return cell
