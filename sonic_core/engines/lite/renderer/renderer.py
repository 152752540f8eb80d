"""PortraitRenderer: a portrait measured once, then one frame per parameter vector, with no state between frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ....compositing import over, straight
from ....errors import PortraitError
from ....portrait.portrait import Portrait
from ....progress import Progress, ignore
from ....settings import STYLES
from ..parameters import PARAMETERS, Pose, clamp
from . import landmarks as lm
from .cavity import Cavity
from .coverings import Coverings, find_coverings
from .depth import depth_map
from .eyelids import Eyelids
from .eyes import eye_shapes
from .fields import Fields, build_fields, coefficients
from .geometry import pixel_grid
from .grid import Grid
from .head import HeadFrame, head_frame
from .mouth_interior import draw_interior
from .mouth_layers import MouthLayers, mouth_box
from .mouth_shape import MouthShape, mouth_shape
from .palette import Palette, read_palette, skin_lab
from .photo_interior import cut_interior
from .relaxed_skin import RelaxedSkin
from .relight import Relight
from .skin_fill import lid_skin
from .source import DENSITY, SourcePicture
from .spectacles import find_spectacles
from .warp import HeadLimits, Warp, head_limits, warp_for

LEAST_IOD = 4  # px between the eyes; with fewer there is no mouth to animate
WORK_SPAN = 7.5  # IOD; side of the square round the face that is animated in big pictures
FACE_HEIGHT = 2.1  # IOD from forehead to chin of a face seen from the front; the eyes of one in profile are nearer
WHOLE_PICTURE = 0.7  # share of the picture above which that square is not worth cutting out
GLASSES_BROW = 0.3  # share of the brow motion behind a frame of glasses
MOUSTACHE_TOLD = 0.5  # density from which the notes tell of it
VISIBLE = 0.01  # px of motion below which a node counts as still
MOUTH_PARAMETERS = ("jaw", "close", "rest", "press", "pucker", "stretch", "smile", "upraise", "lowdep", "fv", "tongue")


@dataclass(frozen=True)
class _Model:
    """Everything measured from the picture in the work box."""

    source: SourcePicture
    head: HeadFrame
    mouth: MouthShape
    palette: Palette
    grid: Grid
    fields: Fields
    limits: HeadLimits
    layers: MouthLayers
    eyelids: Eyelids
    relaxed: RelaxedSkin
    relight: Relight
    coverings: Coverings


class PortraitRenderer:
    """Renders a portrait for animation parameters (see `parameters.PARAMETERS`).

    portrait: picture with landmarks.  style: auto, photo, cartoon or statue.  progress: told about each step of the set-up.
    `style`: what was decided.  `head_limits`: degrees per axis.  `notes`: what is drawn differently for this portrait,
    `warnings`: what it cannot do, in plain words.
    Raises PortraitError for an unknown style or a portrait whose landmarks have no extent.
    """

    def __init__(self, portrait: Portrait, style: str = "auto", progress: Progress = ignore) -> None:
        if style not in STYLES:
            raise PortraitError(f"style is {style!r}; expected one of {', '.join(STYLES)}.")
        self._portrait = portrait
        self._box = _work_box(portrait)
        x0, y0, x1, y1 = self._box
        self._picture = portrait.image if portrait.alpha is None else straight(portrait.image, portrait.alpha)
        part = self._picture[y0:y1, x0:x1]
        self._model = _measure(
            np.ascontiguousarray(part[..., :3]),
            None if portrait.alpha is None else part[..., 3],
            np.asarray(portrait.landmarks, np.float64) - [x0, y0, 0],
            np.asarray(portrait.eye_contours, np.float64) - [x0, y0],
            style,
            portrait.report.mouth_clarity,
            progress,
        )
        self.style: str = self._model.palette.style
        self._mouth_moves = self._model.mouth.followed and not self._model.coverings.mouth
        self._eyes_move = self.style != "statue"
        self.notes: tuple[str, ...] = tuple(self._adjustments())
        self.warnings: tuple[str, ...] = tuple(self._limitations())

    @property
    def head_limits(self) -> HeadLimits:
        """Largest yaw, pitch and roll in degrees; commands saturate softly before them."""
        return self._model.limits

    @property
    def draws_teeth(self) -> bool:
        """Are the teeth of an open mouth drawn, not the picture's own?"""
        photo = self._model.layers.cavity.photo
        return self._mouth_moves and self.style == "photo" and (photo is None or not photo.replaces_teeth)

    def render(self, parameters: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Parameters [P] -> RGB uint8 [H, W, 3] of the portrait's size.  Neutral parameters give the picture itself.

        Transparent parts of the picture are white.
        """
        return over(self.render_with_alpha(parameters))

    def render_with_alpha(self, parameters: NDArray[np.float32]) -> NDArray[np.uint8]:
        """As `render`, but RGBA uint8 [H, W, 4] with straight colours for a picture with transparent parts: they move with the head."""
        vector = np.asarray(parameters, np.float32)
        if vector.shape != (len(PARAMETERS),):
            raise ValueError(
                f"parameters have shape {vector.shape}; expected ({len(PARAMETERS)},), one frame's vector."
            )
        size = self._picture.shape[:2]
        frame = np.empty((*size, 3), np.uint8)
        matte = np.empty(size, np.uint8) if self._picture.shape[2] == 4 else None
        self._draw(frame, matte, self._pose(clamp(vector)))
        return frame if matte is None else np.dstack([frame, matte])

    def _pose(self, parameters: NDArray[np.float32]) -> Pose:
        pose = Pose(*parameters.tolist())
        if not self._mouth_moves:
            pose = pose._replace(**dict.fromkeys(MOUTH_PARAMETERS, 0.0))
        if not self._eyes_move:
            pose = pose._replace(blink_l=0.0, blink_r=0.0)
        if self._model.coverings.glasses:  # the frame would bend with the brows
            pose = pose._replace(brow=GLASSES_BROW * pose.brow)
        return self._model.limits.soften(pose)

    def _draw(self, whole: NDArray[np.uint8], matte: NDArray[np.uint8] | None, pose: Pose) -> None:
        """Fill `whole` and `matte`, its opacity: the picture, its work box animated."""
        m, (left, top, right, bottom) = self._model, self._box
        weights = coefficients(pose, moves_gaze=self._eyes_move, lids_drag=not m.coverings.glasses)
        warp = warp_for(pose, weights, m.fields, m.head, m.grid)
        positions = m.grid.positions(warp.shown, DENSITY)
        x0, y0, x1, y1 = _moving_box(warp, m.grid)
        for still in _around((left + x0, top + y0, left + x1, top + y1)):
            whole[still] = self._picture[still][..., :3]
            if matte is not None:
                matte[still] = self._picture[still][..., 3]
        frame = whole[top:bottom, left:right]
        if x1 > x0:
            moving = np.s_[y0:y1, x0:x1]
            opacity = None if matte is None else matte[top:bottom, left:right][moving]
            m.source.fill(frame[moving], opacity, positions[moving])
        skin = m.relaxed.change(pose)
        m.relaxed.draw(frame, skin, positions, DENSITY)
        m.eyelids.draw(frame, positions, (pose.blink_r, pose.blink_l))
        m.layers.draw(frame, pose, weights, skin, warp, m.grid)
        m.relight.draw(frame, pose, warp, m.fields, m.grid)

    def _adjustments(self) -> Iterator[str]:
        if self._model.coverings.glasses:
            yield "Glasses: the brows move less, so that the frame does not bend."
        if self._model.coverings.moustache > MOUSTACHE_TOLD:
            yield "Moustache: the upper teeth are kept dim."

    def _limitations(self) -> Iterator[str]:
        if not self._model.mouth.followed:
            yield (
                "The mouth will NOT move: it is open wider than the face mesh can follow. Use a picture with closed lips or a smile. "
                "Head and eyes move."
            )
        elif not self._mouth_moves:
            yield "The mouth will NOT move: it looks covered (mask, hand, microphone, dense beard). Head and eyes move."
        if self.style == "statue":
            yield "The picture looks like a statue: teeth are of the same stone, it does not blink or look around."


def _measure(
    image: NDArray[np.uint8],
    alpha: NDArray[np.uint8] | None,
    points: NDArray[np.float64],
    contours: NDArray[np.float64],
    style: str,
    mouth_clarity: float,
    progress: Progress,
) -> _Model:
    steps = 6
    progress("portrait", 0, steps)
    source, head = SourcePicture.of(image, alpha), head_frame(points)
    mouth = mouth_shape(image, points, head)
    progress("portrait", 1, steps)
    skin = skin_lab(image, points, head.iod)
    eyes = eye_shapes(image, points, contours, head, skin)
    coverings = find_coverings(image, head, mouth, skin, mouth_clarity)
    palette = read_palette(image, points, mouth, eyes, style)
    progress("portrait", 2, steps)
    grid = Grid.over(source.width, source.height)
    fields = build_fields(points, head, mouth, eyes, grid, depth_map(points, head, grid))
    limits = head_limits(fields, head, grid)
    progress("portrait", 3, steps)
    box = mouth_box(mouth)
    around_mouth = pixel_grid(*box)
    cavity = Cavity(
        mouth,
        head,
        palette,
        draw_interior(palette, mouth.half_width, head.iod),
        cut_interior(image, mouth, around_mouth, box[:2], palette.shows_teeth),
        coverings.moustache,
    )
    layers = MouthLayers.prepare(source, mouth, cavity, around_mouth, fields, grid)
    relaxed = RelaxedSkin.prepare(image, points, head, mouth)
    progress("portrait", 4, steps)
    right, left = (find_spectacles(image, eye, head.iod, skin) if coverings.glasses else None for eye in eyes)
    glasses = (right, left)
    closed = lid_skin(image, eyes, glasses, coverings.glasses, head.iod, skin)
    eyelids = Eyelids(source, eyes, glasses, closed, head.iod)
    progress("portrait", 5, steps)
    relight = Relight.prepare(points, head, mouth, fields, grid)
    progress("portrait", 6, steps)
    return _Model(source, head, mouth, palette, grid, fields, limits, layers, eyelids, relaxed, relight, coverings)


def _work_box(portrait: Portrait) -> tuple[int, int, int, int]:
    """Square of WORK_SPAN IOD round the face, inside the picture; the whole picture when that is most of it."""
    head = head_frame(portrait.landmarks)
    if not np.isfinite(head.iod) or head.iod < LEAST_IOD:
        raise PortraitError(
            f"{portrait.name}: the eyes are {head.iod:.1f} px apart; at least {LEAST_IOD} px are needed. Use a larger picture of the face."
        )
    width, height = portrait.width, portrait.height
    points = np.asarray(portrait.landmarks, np.float64)
    face_height = float(np.linalg.norm(points[lm.FOREHEAD_TOP, :2] - points[lm.CHIN, :2]))
    reach = WORK_SPAN * max(head.iod, face_height / FACE_HEIGHT) / 2
    center = points[:, :2].mean(0)
    x0, y0 = np.maximum(np.floor(center - reach).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(center + reach).astype(int), [width, height])
    if (x1 - x0) * (y1 - y0) > WHOLE_PICTURE * width * height:
        return 0, 0, width, height
    return int(x0), int(y0), int(x1), int(y1)


def _moving_box(warp: Warp, grid: Grid) -> tuple[int, int, int, int]:
    """Pixels that move visibly, x0, y0, x1, y1, empty where none do; everything else is left as it is."""
    motion = cv2.absdiff(warp.shown, grid.nodes).reshape(grid.rows, -1)  # x and y in turn
    visible = VISIBLE / max(grid.step_x, grid.step_y)
    left, top, width, rows = cv2.boundingRect(cv2.compare(motion, visible, cv2.CMP_GT))
    if not rows:
        return 0, 0, 0, 0
    first, last = left // 2, (left + width - 1) // 2
    return (
        int(max((first - 1.5) * grid.step_x, 0)),
        int(max((top - 1.5) * grid.step_y, 0)),
        int(min((last + 2.5) * grid.step_x + 1, grid.width)),
        int(min((top + rows + 1.5) * grid.step_y + 1, grid.height)),
    )


def _around(box: tuple[int, int, int, int]) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of all that lies outside a box x0, y0, x1, y1, in four parts."""
    x0, y0, x1, y1 = box
    rows, every = slice(y0, y1), slice(None)
    yield slice(0, y0), every
    yield slice(y1, None), every
    yield rows, slice(0, x0)
    yield rows, slice(x1, None)
