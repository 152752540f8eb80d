"""The three networks that read a face: detector, 468-point mesh, eye and iris contours (MediaPipe's weights, Apache-2.0).

Architecture: "BlazeFace" (Bazarevsky et al. 2019), "Real-time Facial Surface Geometry" (Kartynnik et al. 2019) and
"MediaPipe Iris" (Ablavatski et al. 2020). All tensors are channels first, float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from ..package_weights import reading
from .networks import DETECTOR_SIZE, IRIS_SIZE, MESH_SIZE

Module = TypeVar("Module", bound=nn.Module)


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: at stride 2 the odd pixel goes to the right and the bottom."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        total = kernel - stride  # sizes in these networks are always multiples of the stride
        super().__init__(channels_in, channels_out, kernel, stride, padding=total // 2, groups=groups)
        self.odd = bool(total % 2)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (0, 1, 0, 1)) if self.odd else x)


class PReLU(nn.PReLU):
    """The same values, exported as what ONNX Runtime does many at a time: its own PRelu takes as long as the convolutions."""

    def forward(self, x: Tensor) -> Tensor:
        if not torch.jit.is_tracing():
            return super().forward(x)
        return x.clamp(min=0) + self.weight[:, None, None] * x.clamp(max=0)


def depthwise(channels: int, stride: int = 1) -> SameConv:
    return SameConv(channels, channels, 3, stride, groups=channels)


class Residual(nn.Module):
    """`activation(body(x) + shortcut(x))`; the shortcut is max-pooled to the body's size and zero-padded by the channels `added`."""

    def __init__(self, body: nn.Sequential, activation: nn.Module, stride: int, added: int) -> None:
        super().__init__()
        self.body, self.activation, self.stride, self.added = body, activation, stride, added

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        if self.stride > 1:
            x = F.max_pool2d(x, self.stride)
        return self.activation(y + (F.pad(x, (0, 0, 0, 0, 0, self.added)) if self.added else x))


class FaceDetector(nn.Module):
    """BlazeFace, short range: the faces of a square picture.

    Input [N, 3, 128, 128] RGB in -1..1.  Returns regressors [N, 896, 16] (box centre and size, then six key points, in pixels
    of the input relative to the anchor) and logits [N, 896].
    """

    size = DETECTOR_SIZE

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(SameConv(3, 24, 5, 2), nn.ReLU())
        self.fine = nn.Sequential(
            self._block(24, 24),
            self._block(24, 28),
            self._block(28, 32, 2),
            self._block(32, 36),
            self._block(36, 42),
            self._block(42, 48, 2),
            *(self._block(c, c + 8) for c in range(48, 88, 8)),
        )
        self.coarse = nn.Sequential(self._block(88, 96, 2), *(self._block(96, 96) for _ in range(4)))
        self.logits_fine, self.logits_coarse = SameConv(88, 2, 1), SameConv(96, 6, 1)
        self.boxes_fine, self.boxes_coarse = SameConv(88, 32, 1), SameConv(96, 96, 1)

    @staticmethod
    def _block(channels_in: int, channels_out: int, stride: int = 1) -> Residual:
        body = nn.Sequential(depthwise(channels_in, stride), SameConv(channels_in, channels_out, 1))
        return Residual(body, nn.ReLU(), stride, channels_out - channels_in)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(self.stem(x))
        coarse = self.coarse(fine)
        boxes = self._per_anchor(self.boxes_fine(fine), 16), self._per_anchor(self.boxes_coarse(coarse), 16)
        logits = self._per_anchor(self.logits_fine(fine), 1), self._per_anchor(self.logits_coarse(coarse), 1)
        return torch.cat(boxes, 1), torch.cat(logits, 1)[..., 0]

    @staticmethod
    def _per_anchor(x: Tensor, values: int) -> Tensor:
        return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, values)


class FaceMesh(nn.Module):
    """468 points on the face in an upright crop of it.

    Input [N, 3, 192, 192] RGB in 0..1.  Returns points [N, 468, 3] in pixels of the input (z smaller = nearer) and the logit
    [N] of "this is a face".
    """

    size = MESH_SIZE

    def __init__(self) -> None:
        super().__init__()
        trunk: list[nn.Module] = [SameConv(3, 16, 3, 2), PReLU(16), self._block(16), self._block(16)]
        for channels_in, channels_out in ((16, 32), (32, 64), (64, 128), (128, 128)):
            trunk += [
                self._block(channels_in, channels_out, 2),
                *(self._block(channels_out) for _ in range(2)),
            ]
        self.trunk = nn.Sequential(*trunk)
        self.points = nn.Sequential(
            self._block(128, 128, 2), self._block(128), self._block(128), *self._head(128, 468 * 3)
        )
        self.presence = nn.Sequential(self._block(128, 128, 2), *self._head(128, 1))

    @staticmethod
    def _block(channels_in: int, channels_out: int | None = None, stride: int = 1) -> Residual:
        channels_out = channels_out or channels_in
        body = nn.Sequential(depthwise(channels_in, stride), SameConv(channels_in, channels_out, 1))
        return Residual(body, PReLU(channels_out), stride, channels_out - channels_in)

    @classmethod
    def _head(cls, channels: int, values: int) -> list[nn.Module]:
        return [SameConv(channels, 32, 1), PReLU(32), cls._block(32), nn.Conv2d(32, values, 3)]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(x)
        return self.points(features).reshape(-1, 468, 3), self.presence(features).reshape(-1)


class IrisNet(nn.Module):
    """Eye contour, brow and iris in an upright crop of one eye, seen as the subject's right eye (mirror the left one).

    Input [N, 3, 64, 64] RGB in 0..1.  Returns contours [N, 71, 3] and irises [N, 5, 3] in pixels of the input.
    """

    size = IRIS_SIZE

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            SameConv(3, 64, 3, 2),
            PReLU(64),
            *(self._block(64) for _ in range(4)),
            self._block(64, 128, 2),
            *(self._block(128) for _ in range(4)),
            self._block(128, 128, 2),
        )
        self.contour = self._head(71 * 3)
        self.iris = self._head(5 * 3)

    @staticmethod
    def _block(channels_in: int, channels_out: int | None = None, stride: int = 1) -> Residual:
        channels_out = channels_out or channels_in
        narrow = channels_out // 2
        body = nn.Sequential(
            SameConv(channels_in, narrow, stride, stride),
            PReLU(narrow),
            depthwise(narrow),
            SameConv(narrow, channels_out, 1),
        )
        return Residual(body, PReLU(channels_out), stride, channels_out - channels_in)

    @classmethod
    def _head(cls, values: int) -> nn.Sequential:
        stages = (1, 1, 2, 1, 1, 2, 1, 1)
        return nn.Sequential(*(cls._block(128, stride=stride) for stride in stages), nn.Conv2d(128, values, 2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(x)
        return self.contour(features).reshape(-1, 71, 3), self.iris(features).reshape(-1, 5, 3)


def load_detector(weights: Path) -> FaceDetector:
    return _loaded(FaceDetector(), "detector", weights)


def load_mesh(weights: Path) -> FaceMesh:
    return _loaded(FaceMesh(), "mesh", weights)


def load_iris(weights: Path) -> IrisNet:
    return _loaded(IrisNet(), "iris", weights)


def _loaded(network: Module, name: str, weights: Path) -> Module:
    """The network with its part of a safetensors file, whose keys begin with `detector.`, `mesh.` and `iris.`; in evaluation mode."""
    with reading("The face networks", weights), safe_open(weights, "pt") as file:
        keys = [key for key in file.keys() if key.startswith(f"{name}.")]  # noqa: SIM118  not a dict
        network.load_state_dict({key.removeprefix(f"{name}."): file.get_tensor(key).float() for key in keys})
    return network.eval().requires_grad_(False)
