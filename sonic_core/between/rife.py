"""RIFE's IFNet (HDv3 form): the frame halfway between two frames, by intermediate optical flow (Huang et al. 2022)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCALES = (4, 2, 1)
SIDE_STEP = 16  # block 0 halves a quarter-size picture twice


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.PReLU(outputs))


def _head(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, inputs // 2, 4, 2, 1),
        nn.PReLU(inputs // 2),
        nn.ConvTranspose2d(inputs // 2, outputs, 4, 2, 1),
    )


class FlowBlock(nn.Module):
    """Refines flow and mask at one scale; parameters are named as in `flownet.pkl`."""

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.conv0 = nn.Sequential(_conv(inputs, width // 2, 2), _conv(width // 2, width, 2))
        for i in range(4):
            setattr(self, f"convblock{i}", nn.Sequential(_conv(width, width), _conv(width, width)))
        self.conv1, self.conv2 = _head(width, 4), _head(width, 1)

    def forward(self, x: Tensor, flow: Tensor, scale: int) -> tuple[Tensor, Tensor]:
        x = torch.cat([_resized(x, 1 / scale), _resized(flow, 1 / scale) / scale], dim=1)
        x = self.conv0(x)
        for i in range(4):
            x = x + getattr(self, f"convblock{i}")(x)
        return _resized(self.conv1(x), scale) * scale, _resized(self.conv2(x), scale)


class IFNet(nn.Module):
    """Three flow blocks from coarse to fine; each looks both ways, so that swapping the frames gives the same middle."""

    def __init__(self, width: int = 90):
        super().__init__()
        self.block0, self.block1, self.block2 = (FlowBlock(7 + 4, width) for _ in SCALES)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Frames [B, 3, H, W] in 0..1 -> the frame between them, clamped to 0..1.  Any size: sides are padded to multiples of 16."""
        height, width = first.shape[-2:]
        pad = (0, -width % SIDE_STEP, 0, -height % SIDE_STEP)
        if any(pad):
            first, second = (F.pad(frame, pad, mode="replicate") for frame in (first, second))
        (warped_first, warped_second), mask, _ = self.flow(first, second)
        share = torch.sigmoid(mask)
        middle = warped_first * share + warped_second * (1 - share)
        return middle.clamp(0, 1)[..., :height, :width]

    def flow(self, first: Tensor, second: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor, Tensor]:
        """Both frames warped to the middle, the logit of the first one's share [B, 1, H, W] and the flows [B, 4, H, W] in px."""
        flow = first.new_zeros(len(first), 4, *first.shape[-2:])
        mask = flow[:, :1]
        warped = first, second
        for block, scale in zip((self.block0, self.block1, self.block2), SCALES, strict=True):
            flow_a, mask_a = block(torch.cat([*warped, mask], dim=1), flow, scale)
            flow_b, mask_b = block(torch.cat([*warped[::-1], -mask], dim=1), _swapped(flow), scale)
            flow = flow + (flow_a + _swapped(flow_b)) / 2
            mask = mask + (mask_a - mask_b) / 2
            warped = warp(first, flow[:, :2]), warp(second, flow[:, 2:])
        return warped, mask, flow


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """image [B, C, H, W] sampled at every pixel plus flow [B, 2, H, W] (x, y in px), edges repeated."""
    height, width = image.shape[-2:]
    columns = torch.linspace(-1, 1, width, device=image.device, dtype=image.dtype)
    rows = torch.linspace(-1, 1, height, device=image.device, dtype=image.dtype)
    x = columns + flow[:, 0] / ((width - 1) / 2)
    y = rows[:, None] + flow[:, 1] / ((height - 1) / 2)
    return F.grid_sample(image, torch.stack([x, y], dim=-1), padding_mode="border", align_corners=True)


def _resized(x: Tensor, factor: float) -> Tensor:
    return x if factor == 1 else F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def _swapped(flow: Tensor) -> Tensor:
    return torch.cat([flow[:, 2:], flow[:, :2]], dim=1)
