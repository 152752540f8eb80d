"""Pictures between two pictures by RIFE, whose published network knows the middle only: any time by halving."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ..frames import Frame
from .rife import IFNet

Picture = TypeVar("Picture")
Middle = Callable[[Picture, Picture], Picture]

PARTS = 8
"""Times are taken to the nearest eighth: at 25 fps at most 2.5 ms beside the wanted one, and three passes of the network."""


def rife_middle(net: IFNet) -> Middle[Tensor]:
    """middle(first, second) of pictures `[3, H, W]` in 0..1 -> the picture halfway."""

    @torch.no_grad()
    def middle(first: Tensor, second: Tensor) -> Tensor:
        weight = next(net.parameters())
        a, b = (frame[None].to(weight.device, weight.dtype) for frame in (first, second))
        return net(a, b)[0].to(first)

    return middle


def halving(middle: Middle[Picture]) -> Callable[[Picture, Picture], Callable[[float], Picture]]:
    """A `Between` from `middle`: the nearest eighth, each picture made once from its two neighbours."""

    def between(first: Picture, second: Picture) -> Callable[[float], Picture]:
        made = {0: first, PARTS: second}

        def part(number: int) -> Picture:
            if number not in made:
                reach = number & -number
                made[number] = middle(part(number - reach), part(number + reach))
            return made[number]

        return lambda time: part(round(time * PARTS))

    return between


def rife_between(net: IFNet) -> Callable[[Frame, Frame], Callable[[float], Frame]]:
    """A `Between` of frames, on the device where `net` is."""
    between = halving(rife_middle(net))

    def frames_between(first: Frame, second: Frame) -> Callable[[float], Frame]:
        at = between(_as_tensor(first), _as_tensor(second))
        return lambda time: _as_frame(at(time))

    return frames_between


def _as_tensor(frame: Frame) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1).float() / 255


def _as_frame(picture: Tensor) -> Frame:
    return np.rint(picture.permute(1, 2, 0).cpu().numpy() * 255).astype(np.uint8)
