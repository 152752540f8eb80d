"""The encoder of Whisper tiny.en with the package's weights, run by PyTorch."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..package_weights import reading
from .encoder_choice import WEIGHTS
from .encoders import BLOCK, RATE


class WhisperEncoder(nn.Module):
    """Encoder of Whisper tiny.en (Radford et al. 2022, MIT): stem and 4 transformer layers, all five hidden states.

    Blocks are encoded as they are, without Whisper's padding to 30 s; positions count from the block's start.
    """

    name = "whisper-tiny.en"
    layers = 5
    width = 384
    heads = 6
    positions: Tensor
    window: Tensor
    mel: Tensor

    def __init__(self, mel_bins: int = 80) -> None:
        super().__init__()
        d = self.width
        self.conv1 = nn.Conv1d(mel_bins, d, 3, padding=1)
        self.conv2 = nn.Conv1d(d, d, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(WhisperLayer(d, self.heads) for _ in range(self.layers - 1))
        self.norm = nn.LayerNorm(d)
        self.register_buffer("positions", _sinusoids(BLOCK, d), persistent=False)
        self.register_buffer("mel", mel_filters(mel_bins), persistent=False)
        self.register_buffer("window", torch.hann_window(400), persistent=False)

    @classmethod
    def load(cls, path: Path = WEIGHTS / "whisper_tiny_en_encoder.safetensors") -> WhisperEncoder:
        """The weights of the package, or of a file made by training/export_encoder.py."""
        from safetensors.torch import load_file

        encoder = cls()
        with reading("The speech encoder", path):
            encoder.load_state_dict(from_int8(load_file(path)))
        return encoder.eval().requires_grad_(False)

    def states(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `encoders.SpeechEncoder`."""
        with torch.inference_mode():
            return self(torch.from_numpy(waveform)[None])[0].numpy()

    def forward(self, waveforms: Tensor) -> Tensor:
        """`[batch, samples]`, samples a multiple of 320 and at most 160 000 -> `[batch, T, layers, width]`."""
        h = F.gelu(self.conv1(self.log_mel(waveforms)))
        h = F.gelu(self.conv2(h)).transpose(1, 2)
        h = h + self.positions[: h.shape[1]]
        hidden = [h]
        for block in self.blocks:
            h = block(h)
            hidden.append(h)
        hidden[-1] = self.norm(h)
        return torch.stack(hidden, 2)

    def log_mel(self, waveforms: Tensor) -> Tensor:
        """Whisper's input: `[batch, samples]` -> `[batch, 80, samples // 160]`, 25 ms windows every 10 ms."""
        power = (_power_by_convolution if torch.jit.is_tracing() else _power)(waveforms, self.window)
        mel = torch.log10((self.mel @ power).clamp_min(1e-10))
        return (torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8) + 4) / 4


def from_int8(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """What training/export_encoder.py packed, in float32; weights that are not packed pass as they are."""
    return {
        name: value.float() * packed[f"{name}.scale"].float().view(-1, *[1] * (value.ndim - 1))
        if value.dtype == torch.int8
        else value.float()
        for name, value in packed.items()
        if not name.endswith(".scale")
    }


def _power(waveforms: Tensor, window: Tensor) -> Tensor:
    """`[batch, samples]` -> power spectrum `[batch, 201, samples // 160]`."""
    return torch.stft(waveforms, len(window), 160, window=window, return_complex=True)[..., :-1].abs().square()


def _power_by_convolution(waveforms: Tensor, window: Tensor) -> Tensor:
    """The same without complex numbers, for exported files."""
    size = len(window)
    turns = torch.outer(torch.arange(size // 2 + 1), torch.arange(size)) % size
    angles = turns.double() * (2 * math.pi / size)
    waves = torch.cat([angles.cos(), angles.sin()]).float() * window
    padded = F.pad(waveforms[:, None], (size // 2, size // 2), mode="reflect")
    real, imaginary = F.conv1d(padded, waves[:, None], stride=160)[..., :-1].chunk(2, 1)
    return real.square() + imaginary.square()


class WhisperLayer(nn.Module):
    """One pre-norm transformer layer; `split` and `joined` are its halves, for keys and values that are kept."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, h: Tensor) -> Tensor:
        return self.joined(h, *self.split(h))

    def split(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values `[batch, heads, T, width / heads]`."""
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.qkv(self.norm1(h)).chunk(3, -1))
        return q, k, v

    def joined(self, h: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The layer's result for `h`, whose queries look at keys and values of as many states as one likes."""
        h = h + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return h + self.down(F.gelu(self.up(self.norm2(h))))


class OneBlock(nn.Module):
    """An encoder of batches as the network of one block: `[samples]` -> `[states, layers, width]`."""

    def __init__(self, encoder: WhisperEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, waveform: Tensor) -> Tensor:
        return self.encoder(waveform[None])[0]


def load_module(weights: Path) -> OneBlock:
    """For `NetworkSpec`."""
    return OneBlock(WhisperEncoder.load(weights))


def mel_filters(bins: int, fft_size: int = 400, rate: int = RATE) -> Tensor:
    """Slaney's mel filters with equal area, as Whisper uses them: `[bins, fft_size // 2 + 1]`."""
    linear, log_step = 200 / 3, math.log(6.4) / 27

    def mel_to_hertz(mel: Tensor) -> Tensor:
        return torch.where(mel < 15, mel * linear, 1000 * torch.exp(log_step * (mel - 15)))

    top = 15 + math.log(rate / 2 / 1000) / log_step
    edges = mel_to_hertz(torch.linspace(0, top, bins + 2, dtype=torch.float64))
    frequencies = torch.linspace(0, rate / 2, fft_size // 2 + 1, dtype=torch.float64)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    triangles = torch.minimum(rising, falling).clamp_min(0)
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).float()


def _sinusoids(length: int, width: int) -> Tensor:
    rates = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(length)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)
