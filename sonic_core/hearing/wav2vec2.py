"""The package's own Wav2Vec2, run by PyTorch alone: importing transformers for its `Wav2Vec2Model` would cost seconds at every start."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ModelMissingError
from ..package_weights import reading
from .encoder_choice import WEIGHTS
from .encoders import BLOCK, HOP


@dataclass(frozen=True)
class BundledWav2Vec2:
    """Wav2Vec2 (Baevski et al. 2020) with pre-norm layers, by transformers' names; training/train_wav2vec2.py makes the folder.

    weights: by the names of `transformers.Wav2Vec2Model`, which loads the same folder and gives the same states.
    kernels, strides: of the convolutions, samples.
    """

    weights: dict[str, Tensor]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    layers: int
    width: int
    heads: int
    name: str = "wav2vec2"

    @classmethod
    def load(cls, folder: Path = WEIGHTS / "wav2vec2") -> BundledWav2Vec2:
        """The weights of the package, or of a folder made by training/train_wav2vec2.py.  ModelMissingError if they cannot be used."""
        from safetensors.torch import load_file

        config, tensors = folder / "config.json", folder / "model.safetensors"
        with reading("The speech encoder", config, tensors):
            given = json.loads(config.read_text(encoding="utf-8"))
            if not (given["do_stable_layer_norm"] and given["feat_extract_norm"] == "group"):
                raise ModelMissingError(
                    f"{folder} is a Wav2Vec2 of another make: expected do_stable_layer_norm and group norm. "
                    "Use Wav2Vec2Encoder, which runs any of them."
                )
            weights = {k: v.float() for k, v in load_file(tensors).items()}
            encoder = cls(
                weights, tuple(given["conv_kernel"]), tuple(given["conv_stride"]), given["num_hidden_layers"] + 1,
                given["hidden_size"], given["num_attention_heads"],
            )  # fmt: skip
            encoder.states(np.zeros(HOP, np.float32))  # what is lacking or of another shape shows at the first sound
        return encoder

    def states(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `encoders.SpeechEncoder`."""
        with torch.inference_mode():
            return self(torch.from_numpy(waveform)).numpy()

    def __call__(self, waveform: Tensor) -> Tensor:
        """One block `[samples]` -> `[samples // 320, layers, width]`."""
        margin = receptive_field(self.kernels, self.strides) // 2  # state i then is centred on sample i * 320
        h = self._projected(self._convolved(F.pad(waveform, (margin, margin))[None]))
        h = (h + self._positions(h)).float()
        hidden = [h]
        for layer in range(self.layers - 1):
            h = self._transformed(h, f"encoder.layers.{layer}.")
            hidden.append(h)
        hidden[-1] = self._norm(h, "encoder.layer_norm")
        return torch.stack(hidden, 2)[0, : waveform.shape[0] // HOP]

    def _convolved(self, waveforms: Tensor) -> Tensor:
        h = waveforms[:, None]
        for i, stride in enumerate(self.strides):
            name = f"feature_extractor.conv_layers.{i}."
            h = F.conv1d(h, self.weights[f"{name}conv.weight"], self.weights[f"{name}conv.bias"], stride)
            if i == 0:
                h = F.group_norm(h, len(self.weights[f"{name}conv.bias"]), *self._both(f"{name}layer_norm"))
            h = F.gelu(h)
        return h.transpose(1, 2)

    def _projected(self, h: Tensor) -> Tensor:
        """In double precision: around these states lies a constant of -256, which the positions take away again.

        training/wav2vec2_design.py says why; in single precision it would cost three digits.
        """
        weight, bias = (part.double() for part in self._both("feature_projection.layer_norm"))
        normed = F.layer_norm(h.double(), weight.shape, weight, bias)
        return F.linear(normed, *(part.double() for part in self._both("feature_projection.projection")))

    def _positions(self, h: Tensor) -> Tensor:
        """Depthwise convolution under weight norm, as wide as a block, [1, T, width] double; by Fourier transform, as it is so wide."""
        name = "encoder.pos_conv_embed.conv."
        size = self.weights[f"{name}parametrizations.weight.original0"]
        direction = self.weights[f"{name}parametrizations.weight.original1"]
        kernel = (direction * (size / direction.norm(dim=(0, 1), keepdim=True)))[:, 0].flip(1)
        values = h.transpose(1, 2)
        mean = values.mean(-1, keepdim=True)
        # torch.onnx is not asked: it would be loaded for the question alone, 0.1 s.
        convolved = _convolved_by_products if torch.jit.is_tracing() else _convolved_by_fft
        reached = convolved((values - mean).float(), kernel).double() + mean * _of_ones(kernel, h.shape[1])
        reached = reached + self.weights[f"{name}bias"].double()[:, None]
        single = reached.float()
        return (reached + (F.gelu(single) - single).double()).transpose(1, 2)

    def _transformed(self, h: Tensor, name: str) -> Tensor:
        x = self._norm(h, f"{name}layer_norm")
        q, k, v = (
            self._linear(x, f"{name}attention.{part}_proj").unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in "qkv"
        )
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        h = h + self._linear(attended, f"{name}attention.out_proj")
        x = F.gelu(self._linear(self._norm(h, f"{name}final_layer_norm"), f"{name}feed_forward.intermediate_dense"))
        return h + self._linear(x, f"{name}feed_forward.output_dense")

    def _both(self, name: str) -> tuple[Tensor, Tensor]:
        return self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, *self._both(name))

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, self.weights[f"{name}.weight"].shape, *self._both(name))


class OneBlock(nn.Module):
    """The encoder as the network of one block, for `NetworkSpec`."""

    def __init__(self, encoder: BundledWav2Vec2) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, waveform: Tensor) -> Tensor:
        return self.encoder(waveform)


def load_module(weights: Path) -> OneBlock:
    """For `NetworkSpec`."""
    return OneBlock(BundledWav2Vec2.load(weights))


def _of_ones(kernel: Tensor, count: int) -> Tensor:
    """What `count` ones give under every kernel [rows, taps], around its middle: [rows, count] double; count is up to BLOCK + 1."""
    taps = kernel.shape[1]
    sums = F.pad(kernel.double().cumsum(1), (BLOCK + 1, 0))  # of the first n values at n + BLOCK
    last = BLOCK + taps - taps // 2
    return sums[:, last : last + count] - sums[:, last - count : last]


def _convolved_by_fft(h: Tensor, kernel: Tensor) -> Tensor:
    """Every row of `h` [..., rows, count] convolved with its own of `kernel` [rows, taps] around the kernel's middle; same shape."""
    count, taps = h.shape[-1], kernel.shape[-1]
    points, late = 1 << math.ceil(math.log2(count + taps)), taps - 1 - taps // 2
    whole = torch.fft.irfft(torch.fft.rfft(h, points) * torch.fft.rfft(kernel, points), points)
    return whole[..., late : late + count]


def _convolved_by_products(h: Tensor, kernel: Tensor) -> Tensor:
    """The same for up to a block and a state, its transforms as matrix products: what ONNX Runtime computes fast for any length."""
    count, taps = h.shape[-1], kernel.shape[-1]
    points, late = BLOCK + taps, taps - 1 - taps // 2
    times, frequencies = torch.arange(late + BLOCK + 1.0), torch.arange(points // 2 + 1.0)
    turns = (torch.outer(times, frequencies) % points).double() * (2 * math.pi / points)
    cosines, sines = turns.cos().float(), turns.sin().float()
    real, imaginary = h @ cosines[: BLOCK + 1][:count], h @ -sines[: BLOCK + 1][:count]
    there = torch.fft.rfft(kernel, points)
    mirrored = torch.full(
        (len(frequencies) - 2,), 2.0
    )  # but for the mean and, as `points` is even, the highest frequency
    once = torch.cat([torch.ones(1), mirrored, torch.ones(1)]) / points
    there_real, there_imaginary = there.real * once, there.imag * once
    back = late + torch.arange(BLOCK + 1)
    mixed_real = real * there_real - imaginary * there_imaginary
    mixed_imaginary = real * there_imaginary + imaginary * there_real
    return mixed_real @ cosines[back][:count].T - mixed_imaginary @ sines[back][:count].T


def receptive_field(kernels: Iterable[int], strides: Iterable[int]) -> int:
    field, stride = 1, 1
    for kernel, step in zip(kernels, strides, strict=True):
        field, stride = field + (kernel - 1) * stride, stride * step
    return field
