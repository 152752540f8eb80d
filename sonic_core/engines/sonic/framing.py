"""What part of the picture is generated, in which size, and where audio may act in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...portrait.framing import PasteBack, crop_for, frame_portrait
from ...portrait.portrait import Portrait
from ...settings import Settings
from . import picture
from .declaration import SONIC

MAX_LONG_SIDE = 1536  # px; beyond it attention over positions takes most of the time


@dataclass(frozen=True)
class Framed:
    """image: RGB uint8 [H, W, 3] and mask: uint8 [H, W], both at the size the networks work at, multiples of 64.

    portrait: at the size of the video.  paste: the way back into the original picture, or None.  notes: what was adjusted.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    portrait: Portrait
    paste: PasteBack | None
    notes: tuple[str, ...]


def frame(
    portrait: Portrait, settings: Settings, mask: NDArray[np.uint8] | None = None, keep_resolution: bool = False
) -> Framed:
    """Frame a portrait as `settings` ask.

    mask: uint8 [H, W] over the original picture, where audio may act; by default the grown face box.
    keep_resolution: the video is as large as what it shows is in the picture; it is generated at the size that `settings` ask for.
    """
    if mask is None:
        mask = picture.face_mask(portrait.face_box, portrait.width, portrait.height)
    elif mask.shape != portrait.image.shape[:2]:
        mask = picture.resize(mask, portrait.width, portrait.height)
    short, notes = _short_side(portrait, settings)
    shown = _own_short_side(portrait, settings) if keep_resolution else short
    framed = frame_portrait(portrait, settings.framing, shown, settings.expand_ratio, settings.aspect)
    left, top, right, bottom = _part(portrait, framed.paste, settings)
    width, height = picture.generated_size(right - left, bottom - top, short)
    image, part_mask = (
        picture.resize(np.ascontiguousarray(a[top:bottom, left:right]), width, height) for a in (portrait.image, mask)
    )
    if (width, height) != (framed.portrait.width, framed.portrait.height):
        notes += (
            f"Frames are generated at {width} x {height} (multiples of 64) and brought to "
            f"{framed.portrait.width} x {framed.portrait.height}.",
        )
    return Framed(image, part_mask, framed.portrait, framed.paste, framed.notes + notes)


def _part(portrait: Portrait, paste: PasteBack | None, settings: Settings) -> tuple[int, int, int, int]:
    """The generated part of the original picture: x0, y0, x1, y1."""
    if paste is not None:
        return paste.box
    return crop_for(portrait, settings.framing, settings.expand_ratio, settings.aspect)


def _own_short_side(portrait: Portrait, settings: Settings) -> int:
    """Of the part of the picture that the video shows, px, even as videos are."""
    if settings.framing == "paste_back":  # which keeps the whole picture's size in any case
        return 0
    left, top, right, bottom = crop_for(portrait, settings.framing, settings.expand_ratio, settings.aspect)
    return min(right - left, bottom - top) // 2 * 2


def _short_side(portrait: Portrait, settings: Settings) -> tuple[int, tuple[str, ...]]:
    short = settings.min_resolution or SONIC.default_short_side
    if settings.framing != "full":
        return short, ()
    left, top, right, bottom = crop_for(portrait, settings.framing, settings.expand_ratio, settings.aspect)
    shape = max(right - left, bottom - top) / min(right - left, bottom - top)
    if short * shape <= MAX_LONG_SIDE:
        return short, ()
    capped = max(picture.SIZE_STEP, int(MAX_LONG_SIDE / shape) // picture.SIZE_STEP * picture.SIZE_STEP)
    return capped, (
        f"The picture is {shape:.1f} times as long as wide: its short side is {capped} px instead of {short}, "
        f"so that the long one stays near {MAX_LONG_SIDE}.",
    )
