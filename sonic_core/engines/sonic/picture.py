"""The picture's side of the conditioning: generated size, face mask, reference tensor and CLIP tensor, as Sonic was trained."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...errors import PortraitError

SIZE_STEP = 64  # the UNet halves the latents three times and a latent is 8 pixels wide
CLIP_SIZE = 224
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def generated_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height that the networks work at: short side near `short_side`, both multiples of 64 (halves round to even)."""
    scale = short_side / min(width, height)
    new_width, new_height = (SIZE_STEP * round(side * scale / SIZE_STEP) for side in (width, height))
    if not new_width or not new_height:
        raise PortraitError(
            f"A picture of {width}x{height} cannot be brought to a short side of {short_side} px in steps of {SIZE_STEP}; "
            f"use min_resolution {SIZE_STEP} or more."
        )
    return new_width, new_height


def mask_rectangle(box: Sequence[float], width: int, height: int, growth: float = 1.1) -> tuple[int, int, int, int]:
    """The face box x0, y0, x1, y1 grown by `growth` in width and height, cut to the picture, in whole pixels."""
    x0, y0, x1, y1 = box
    grown_width, grown_height = (x1 - x0) * growth, (y1 - y0) * growth
    centre_x, centre_y = (x1 + x0) // 2, (y1 + y0) // 2
    left, top = max(centre_x - grown_width // 2, 0), max(centre_y - grown_height // 2, 0)
    right, bottom = min(centre_x + grown_width // 2, width), min(centre_y + grown_height // 2, height)
    return int(left), int(top), int(right), int(bottom)


def face_mask(box: Sequence[float], width: int, height: int, growth: float = 1.1) -> NDArray[np.uint8]:
    """Where audio may act: 255 inside the grown face box, 0 outside, uint8 [height, width] at the picture's own size."""
    left, top, right, bottom = mask_rectangle(box, width, height, growth)
    mask = np.zeros((height, width), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def resize(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Lanczos resize of uint8 [H, W] or [H, W, 3]; soft edges and all, a mask goes through the same filter as its picture."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def brought_to(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A decoded frame [H, W, 3] at the size of the video: averaged where it shrinks, cubic where it grows."""
    if image.shape[:2] == (height, width):
        return image
    shrinking = width * height < image.shape[0] * image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)


def as_pixels(frame: Tensor, truncate: bool) -> NDArray[np.uint8]:
    """[3, H, W] in 0..1 -> uint8 [H, W, 3]; the published code truncates, which darkens by half a step."""
    values = frame.permute(1, 2, 0).float().cpu().numpy() * 255
    return (values if truncate else np.round(values)).astype(np.uint8)


def reference_tensor(image: NDArray[np.uint8]) -> Tensor:
    """RGB uint8 [H, W, 3] -> float32 [1, 3, H, W] in -1..1, what the VAE encodes."""
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255
    return ((pixels - 0.5) / 0.5)[None]


def mask_tensor(mask: NDArray[np.uint8]) -> Tensor:
    """uint8 [H, W] -> float32 [1, 1, H, W] in 0..1."""
    return torch.from_numpy(mask.copy()).float()[None, None] / 255


def clip_tensor(image: NDArray[np.uint8]) -> Tensor:
    """RGB uint8 [H, W, 3] at the generated size -> float32 [1, 3, 224, 224], squashed to a square as in training."""
    pixels = torch.from_numpy(resize(image, CLIP_SIZE, CLIP_SIZE).copy()).permute(2, 0, 1).double() / 255
    mean, deviation = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in (CLIP_MEAN, CLIP_DEVIATION))
    return ((pixels - mean) / deviation).float()[None]
