"""The package's own Wav2Vec2, run by PyTorch alone: importing transformers for its `Wav2Vec2Model` would cost seconds at every start."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ModelMissingError
from ..package_weights import reading
from .encoders import HOP, WEIGHTS, receptive_field


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
            encoder.states(torch.zeros(HOP))  # what is lacking or of another shape shows at the first sound
        return encoder

    @torch.no_grad()
    def states(self, waveform: Tensor) -> Tensor:
        margin = receptive_field(self.kernels, self.strides) // 2  # state i then is centred on sample i * 320
        h = self._projected(self._convolved(F.pad(waveform, (margin, margin))[None]))
        h = h + self._positions(h)
        hidden = [h]
        for layer in range(self.layers - 1):
            h = self._transformed(h, f"encoder.layers.{layer}.")
            hidden.append(h)
        hidden[-1] = self._norm(h, "encoder.layer_norm")
        return torch.stack(hidden, 2)[0, : len(waveform) // HOP]

    def _convolved(self, waveforms: Tensor) -> Tensor:
        h = waveforms[:, None]
        for i, stride in enumerate(self.strides):
            name = f"feature_extractor.conv_layers.{i}."
            h = F.conv1d(h, self.weights[f"{name}conv.weight"], self.weights[f"{name}conv.bias"], stride)
            if i == 0:
                h = F.group_norm(h, h.shape[1], *self._both(f"{name}layer_norm"))
            h = F.gelu(h)
        return h.transpose(1, 2)

    def _projected(self, h: Tensor) -> Tensor:
        return self._linear(self._norm(h, "feature_projection.layer_norm"), "feature_projection.projection")

    def _positions(self, h: Tensor) -> Tensor:
        """Depthwise convolution under weight norm, as wide as a block; by Fourier transform, as it is so wide."""
        name = "encoder.pos_conv_embed.conv."
        size = self.weights[f"{name}parametrizations.weight.original0"]
        direction = self.weights[f"{name}parametrizations.weight.original1"]
        kernel = (direction * (size / direction.norm(dim=(0, 1), keepdim=True)))[:, 0].flip(1)
        count, taps = h.shape[1], kernel.shape[1]
        points = 1 << math.ceil(math.log2(count + taps))
        spectrum = torch.fft.rfft(h.transpose(1, 2), points) * torch.fft.rfft(kernel, points)
        reached = torch.fft.irfft(spectrum, points)[..., taps - 1 - taps // 2 :][..., :count]
        return F.gelu(reached + self.weights[f"{name}bias"][:, None]).transpose(1, 2)

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
        return F.layer_norm(x, x.shape[-1:], *self._both(name))
