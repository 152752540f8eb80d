"""12.5 to 25 frames a second: a middle frame between every two key frames, one pair at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .rife import IFNet

Middle = Callable[[Tensor, Tensor], Tensor]
"""middle(first, second) of pictures [3, H, W] in 0..1 -> the picture halfway."""


def doubled(key_frames: Iterable[Tensor], middle: Middle, length: int) -> Iterator[Tensor]:
    """Key frames with middle frames between them, exactly `length` pictures; the last one is held when they do not suffice."""
    previous: Tensor | None = None
    made = 0
    for frame in key_frames:
        pair = [frame] if previous is None else [middle(previous, frame), frame]
        for picture in pair[: length - made]:
            made += 1
            yield picture
        if made == length:
            return
        previous = frame
    for _ in range(length - made):
        yield previous


def rife_middle(net: IFNet) -> Middle:
    """Middle frames by RIFE."""

    @torch.no_grad()
    def middle(first: Tensor, second: Tensor) -> Tensor:
        weight = next(net.parameters())
        a, b = (frame[None].to(weight.device, weight.dtype) for frame in (first, second))
        return net(a, b)[0].to(first)

    return middle


def flow_middle(first: Tensor, second: Tensor) -> Tensor:
    """Middle frames by OpenCV's dense optical flow (DIS): both frames come halfway to each other and are averaged.

    Where the two directions of flow contradict each other, at places covered or uncovered, the frames are averaged unmoved.
    """
    a, b = (_as_array(frame) for frame in (first, second))
    grey_a, grey_b = (cv2.cvtColor(np.uint8(frame * 255), cv2.COLOR_RGB2GRAY) for frame in (a, b))
    forward, backward = _flow(grey_a, grey_b), _flow(grey_b, grey_a)
    moved = (_moved(a, -forward / 2) + _moved(b, -backward / 2)) / 2
    contradiction = np.linalg.norm(forward + _moved(backward, forward), axis=2)
    trust = np.clip(2 - contradiction, 0, 1)[..., None]
    middle = moved * trust + (a + b) / 2 * (1 - trust)
    return torch.from_numpy(np.ascontiguousarray(middle.transpose(2, 0, 1))).to(first).clamp(0, 1)


def _as_array(frame: Tensor) -> NDArray[np.float32]:
    return frame.float().cpu().numpy().transpose(1, 2, 0)


def _flow(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(first, second, None)


def _moved(image: NDArray[np.float32], flow: NDArray[Any]) -> NDArray[np.float32]:
    """image sampled at every pixel plus flow."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(image, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
