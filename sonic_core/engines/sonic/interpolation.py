"""12.5 to 25 frames a second: a middle frame between every two key frames, one pair at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from ...between.flow_interpolation import FlowBetween
from ...between.interpolation import resampled
from ...between.rife import IFNet
from ...between.rife_interpolation import halving, rife_middle

HALF = Fraction(1, 2)


def doubled(key_frames: Iterable[Tensor], net: IFNet | None, length: int) -> Iterator[Tensor]:
    """Key frames `[3, H, W]` in 0..1 and middle frames between them: exactly `length` pictures, the last one held where they end.

    net: RIFE; None = optical flow.
    """
    return resampled(key_frames, HALF, length, flow_between if net is None else halving(rife_middle(net)))


def flow_between(first: Tensor, second: Tensor) -> Callable[[float], Tensor]:
    """Pictures between two pictures by optical flow."""
    at = FlowBetween(*(frame.float().cpu().numpy().transpose(1, 2, 0) * 255 for frame in (first, second)))

    def picture(time: float) -> Tensor:
        made = np.ascontiguousarray(at(time).transpose(2, 0, 1)) / np.float32(255)
        return torch.from_numpy(made).to(first).clamp(0, 1)

    return picture
