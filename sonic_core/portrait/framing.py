"""How much of the picture is animated and in which size: all of it, the face, or the face put back into the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..compositing import over, straight
from ..errors import PortraitError, SettingsError
from ..resizing import resized
from ..settings import ASPECTS, FRAMINGS, LEAST_RESOLUTION
from .cache import content_digest
from .head_pose import head_pose
from .paste_back import Box, PasteBack
from .portrait import Portrait

HEADROOM = 0.35  # of the face: room for the hair above the mesh, which ends at the forehead
MAX_PASTE_SIDE = 1536  # px: a crop larger than this is animated smaller
OWN_SIZE = 1080  # px: largest short side that a picture keeps when no size is asked for
FACE_HEIGHT = 0.42  # of the video's height, from its top: where the middle of the face comes in a cut to another shape


@dataclass(frozen=True)
class FramedPortrait:
    """The portrait to animate (even sizes), how its frames return into the picture if they do, and what was adjusted."""

    portrait: Portrait
    paste: PasteBack | None
    notes: tuple[str, ...]


def frame_portrait(
    portrait: Portrait, framing: str, min_resolution: int, expand_ratio: float, aspect: str = "picture"
) -> FramedPortrait:
    """Cut and scale a portrait for animation.

    full: the whole picture, its short side `min_resolution` px.  face: a square around the face, widened by `expand_ratio` of the face
    on every side, its short side `min_resolution` px.  paste_back: the same square at its own resolution, with the way back.
    min_resolution 0: what is cut out keeps its size, its short side within LEAST_RESOLUTION to OWN_SIZE.  aspect: width to height of the
    video, see `aspect_crop`; not for paste_back.  A portrait that has the right size already passes through untouched.
    Raises SettingsError (framing, aspect) and PortraitError (the picture is too small for that shape).
    """
    if framing not in FRAMINGS:
        raise SettingsError(f"framing is {framing!r}; expected one of {', '.join(FRAMINGS)}.")
    if framing == "paste_back":
        if aspect != "picture":
            raise SettingsError(
                f"aspect is {aspect}, but framing paste_back keeps the whole picture. Choose framing full or face, or aspect picture."
            )
        return _for_pasting(portrait, min_resolution, expand_ratio)
    return _scaled(cropped(portrait, crop_for(portrait, framing, expand_ratio, aspect)), min_resolution)


def shown_size(portrait: Portrait, paste: PasteBack | None) -> tuple[int, int]:
    """Width and height of the frames of a framed portrait, px: the whole picture's where the crop returns into it."""
    height, width = (paste.image if paste else portrait.image).shape[:2]
    return width, height


def crop_for(portrait: Portrait, framing: str, expand_ratio: float, aspect: str = "picture") -> Box:
    """The part of the picture that `full` and `face` show in a given shape; everything for `full` and "picture"."""
    if framing == "face":
        box = face_crop(portrait, expand_ratio)
        return box if aspect == "picture" else aspect_crop(portrait, aspect, box)
    whole = (0, 0, portrait.width, portrait.height)
    return whole if aspect == "picture" else aspect_crop(portrait, aspect)


def aspect_crop(portrait: Portrait, aspect: str, inside: Box | None = None) -> Box:
    """An even-sized box of the shape `aspect` (of ASPECTS) around the face: the largest that the picture has.

    inside: the least that it should show (of a face crop); the box is then no larger than needed.  Raises PortraitError when the face
    itself does not fit into it, SettingsError for an unknown shape.
    """
    if aspect not in ASPECTS[1:]:
        raise SettingsError(f"aspect is {aspect!r}; expected one of {', '.join(ASPECTS)}.")
    across, down = (int(part) for part in aspect.split(":"))
    ratio = across / down
    x0, y0, x1, y1 = portrait.face_box
    width = min(portrait.width, portrait.height * ratio)
    if inside is not None:
        least = max(inside[2] - inside[0], (inside[3] - inside[1]) * ratio)
        width = min(width, least)
    height = width / ratio
    if x1 - x0 > width or y1 - y0 > height:
        raise PortraitError(
            f"{portrait.name} is {portrait.width} x {portrait.height}: cut to {aspect} it shows {width:.0f} x {height:.0f} px, and the "
            f"face is {x1 - x0:.0f} x {y1 - y0:.0f}. Use a picture with more around the face, or another aspect."
        )
    middle = (y0 + y1) / 2 + (0.5 - FACE_HEIGHT) * height if inside is None else (inside[1] + inside[3]) / 2
    left, right = _even_span((x0 + x1) / 2, width, portrait.width)
    top, bottom = _even_span(middle, height, portrait.height)
    return left, top, right, bottom


def face_crop(portrait: Portrait, expand_ratio: float) -> Box:
    """An even-sized box around the face, square where the picture allows: moved inward at an edge before it is cut."""
    x0, y0, x1, y1 = portrait.face_box
    face = max(x1 - x0, y1 - y0)
    up = -head_pose(portrait.landmarks).axes[:2, 1] if portrait.has_mesh else np.array([0.0, -1.0])
    centre = np.array([x0 + x1, y0 + y1]) / 2 + up / np.linalg.norm(up) * HEADROOM / 2 * face
    side = (1 + 2 * expand_ratio + HEADROOM) * face
    (left, right), (top, bottom) = (
        _even_span(middle, side, length)
        for middle, length in zip(centre, (portrait.width, portrait.height), strict=True)
    )
    return left, top, right, bottom


def _even_span(middle: float, length: float, limit: int) -> tuple[int, int]:
    length = min(_even(length), limit - limit % 2)
    start = int(np.clip(round(middle - length / 2), 0, limit - length))
    return start, start + length


def _for_pasting(portrait: Portrait, min_resolution: int, expand_ratio: float) -> FramedPortrait:
    notes: tuple[str, ...] = ()
    height, width = portrait.height - portrait.height % 2, portrait.width - portrait.width % 2
    if (height, width) != (portrait.height, portrait.width):
        notes += (
            f"The video is {width} x {height}: video sizes are even, so one row or column of the picture is left out.",
        )
        portrait = cropped(portrait, (0, 0, width, height))
    if min_resolution and min(height, width) != min_resolution:
        notes += (
            f"The video keeps the picture's own size, {width} x {height}; min_resolution is for the other framings.",
        )
    box = face_crop(portrait, expand_ratio)
    crop = cropped(portrait, box)
    paste = PasteBack(portrait.image, box, alpha=portrait.alpha)
    if min(crop.width, crop.height) > MAX_PASTE_SIDE:
        framed = _scaled(crop, MAX_PASTE_SIDE)
        return FramedPortrait(framed.portrait, paste, notes + framed.notes)
    return FramedPortrait(crop, paste, notes)


def _scaled(portrait: Portrait, short_side: int) -> FramedPortrait:
    """The portrait with its short side as asked (0 = its own, within bounds), the aspect kept within a pixel."""
    own = min(portrait.width, portrait.height)
    short_side = short_side or int(np.clip(own, LEAST_RESOLUTION, OWN_SIZE))
    scale = short_side / min(portrait.width, portrait.height)
    width, height = _even(portrait.width * scale), _even(portrait.height * scale)
    if (width, height) == (portrait.width, portrait.height):
        return FramedPortrait(portrait, None, ())
    verb = "enlarged" if scale > 1 else "shrunk" if scale < 1 else "brought to even sizes"
    note = f"The picture was {verb} from {portrait.width} x {portrait.height} to {width} x {height}."
    return FramedPortrait(_resized(portrait, width, height), None, (note,))


def _resized(portrait: Portrait, width: int, height: int) -> Portrait:
    scale = np.array([width / portrait.width, height / portrait.height])
    uniform = float(np.sqrt(scale.prod()))

    def moved(points: NDArray) -> NDArray[np.float32]:
        xy = (points[..., :2] + 0.5) * scale - 0.5  # pixel centres lie on whole numbers
        return np.concatenate([xy, points[..., 2:] * uniform], -1).astype(np.float32)

    if portrait.alpha is None:
        return _changed(portrait, resized(portrait.image, width, height), None, moved, uniform)
    whole = straight(portrait.image, portrait.alpha)  # what lies behind the edge must not ring into it
    alpha = resized(portrait.alpha, width, height)
    image = over(np.dstack([resized(np.ascontiguousarray(whole[..., :3]), width, height), alpha]))
    return _changed(portrait, image, alpha, moved, uniform)


def cropped(portrait: Portrait, box: Box) -> Portrait:
    """The part of a portrait inside x0, y0, x1, y1."""
    x0, y0, x1, y1 = box
    if box == (0, 0, portrait.width, portrait.height):
        return portrait
    image = np.ascontiguousarray(portrait.image[y0:y1, x0:x1])
    alpha = None if portrait.alpha is None else np.ascontiguousarray(portrait.alpha[y0:y1, x0:x1])

    def moved(points: NDArray) -> NDArray[np.float32]:
        return (points - np.array([x0, y0, 0])[: points.shape[-1]]).astype(np.float32)

    return _changed(portrait, image, alpha, moved, 1.0)


def _changed(portrait: Portrait, image: NDArray, alpha: NDArray | None, moved, scale: float) -> Portrait:
    """The portrait with other pixels, every coordinate passed through `moved`, every length multiplied by `scale`."""
    corners = moved(np.array(portrait.face_box).reshape(2, 2)).astype(float)
    face_px = portrait.report.face_px * scale
    low, high = corners[0], np.array(image.shape[1::-1]) - 1 - corners[1]
    report = replace(
        portrait.report,
        face_px=face_px,
        eye_distance_px=portrait.report.eye_distance_px * scale,
        edge_distance=float(min(*low, *high)) / face_px,
    )
    return replace(
        portrait,
        image=image,
        alpha=alpha,
        landmarks=moved(portrait.landmarks),
        eye_contours=moved(portrait.eye_contours),
        irises=moved(portrait.irises),
        face_box=tuple(corners.reshape(-1).tolist()),
        report=report,
        digest=content_digest(image, alpha),
    )


def _even(length: float) -> int:
    return max(round(length / 2) * 2, 2)
