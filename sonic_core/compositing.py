"""Pictures with transparency: colours and opacity side by side (straight, as PNG, WebM and ProRes hold them), and laid over a background.

Sums are made of the 8-bit sRGB values, as browsers and video programs make them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WHITE = (255, 255, 255)
SOLID = (
    16  # of 255: from this opacity on a pixel's colour is taken from itself, below it more and more from its neighbours
)

Background = tuple[int, int, int] | NDArray[np.uint8]
"""A colour, or a picture RGB uint8 [h, w, 3] of any size."""


def over(frame: NDArray[np.uint8], background: Background = WHITE) -> NDArray[np.uint8]:
    """RGB uint8 [H, W, 3] of `frame`, RGBA uint8 [H, W, 4] with straight colours, laid over a background of its size or a colour.

    A frame without transparency (RGB) comes back as it is.
    """
    if frame.shape[2] == 3:
        return frame
    opacity = frame[..., 3:].astype(np.uint16)
    behind = np.asarray(background, np.uint16)
    total = frame[..., :3] * opacity
    total += (255 - opacity) * behind
    total += 127
    return (total // 255).astype(np.uint8)


def straight(flattened: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA uint8 [H, W, 4] of a picture that lies over white (RGB [H, W, 3]) and its opacity [H, W].

    Transparent parts get the colours of what is nearest: what is sampled between pixels, or coded with fewer colour samples than pixels,
    then brings no white and no black into the edge.  Laid over white again it is the picture, within a level or two.
    """
    opacity = alpha[..., None].astype(np.float32) / 255
    own = np.clip((flattened - 255 * (1 - opacity)) / np.maximum(opacity, 1 / 255), 0, 255).astype(np.float32)
    weight = np.minimum(opacity * (255 / SOLID), 1)
    colours = _filled(own * weight, weight[..., 0])
    return np.dstack([np.rint(colours).astype(np.uint8), alpha])


def covering(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The picture (RGB uint8) scaled to cover a size and cut around its middle, as a background."""
    from .resizing import resized

    scale = max(width / picture.shape[1], height / picture.shape[0])
    across, down = max(round(picture.shape[1] * scale), width), max(round(picture.shape[0] * scale), height)
    if (across, down) != (picture.shape[1], picture.shape[0]):
        picture = resized(picture, across, down)
    left, top = (across - width) // 2, (down - height) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def _filled(weighted: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours everywhere from those with weight 1: push and pull through a pyramid (Gortler et al. 1996, "The Lumigraph", 3.4.2).

    weighted: [h, w, 3] colours times weight.  weight: [h, w], 0-1.
    """
    import cv2

    height, width = weight.shape
    if weight.min() >= 1:
        return weighted
    if max(height, width) == 1:
        return weighted / max(float(weight[0, 0]), 1e-6)
    size = (width + 1) // 2, (height + 1) // 2
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    grown = np.minimum(4 * share, 1)  # a pixel of the coarser level is as sure as its surest quarter
    gain = grown / np.maximum(share, 1e-6)
    coarse = _filled(cv2.resize(weighted, size, interpolation=cv2.INTER_AREA) * gain[..., None], grown)
    return weighted + (1 - weight[..., None]) * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
