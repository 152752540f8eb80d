"""Speech encoders behind one interface: 16 kHz mono in, hidden states every 20 ms out, for recordings of any length.

A recording is cut into blocks on a fixed grid; neighbours overlap and are cross-faded.  Every state therefore depends on its own
surroundings only: the whole recording at once, piece by piece as it arrives, or a part of it give the same states.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import AudioError, ModelMissingError
from ..package_weights import reading

RATE = 16_000
STATES_PER_SECOND = 50
HOP = RATE // STATES_PER_SECOND
"""Samples per state; state i of a recording is centred on sample i * HOP."""

BLOCK, OVERLAP = 500, 100
"""States in a block and states that neighbours share: 10 s and 2 s."""

WEIGHTS = Path(__file__).parent / "weights"


class SpeechEncoder(Protocol):
    """name: for messages and the model card.  layers, width: of the states."""

    @property
    def name(self) -> str: ...

    @property
    def layers(self) -> int: ...

    @property
    def width(self) -> int: ...

    def states(self, waveform: Tensor) -> Tensor:
        """One block `[samples]` of up to 10 s -> `[samples // 320, layers, width]` float32."""
        ...


@dataclass(frozen=True)
class Block:
    """A stretch of a recording.  start: index of its first state.  samples: `[n]` float32, levelled.  last: the recording ends here."""

    start: int
    samples: Tensor
    last: bool


def encode(encoder: SpeechEncoder, waveform: NDArray[np.float32]) -> Tensor:
    """States of a whole recording: `[samples]` at 16 kHz, within -1..1 -> `[T, layers, width]`, T = ceil(samples / 320)."""
    return torch.cat(list(encode_stream(encoder, [waveform])))


def encode_stream(encoder: SpeechEncoder, pieces: Iterable[NDArray[np.float32]]) -> Iterator[Tensor]:
    """States of a recording that arrives in pieces of any size, as soon as they are final: 2 to 10 s after their audio."""
    return map_blocks(encoder.states, pieces)


@torch.no_grad()
def map_blocks(network: Callable[[Tensor], Tensor], pieces: Iterable[NDArray[np.float32]]) -> Iterator[Tensor]:
    """Run `network` ([samples] -> [states, ...]) over the blocks of a recording; yields consecutive stretches of its cross-faded output."""
    ramp = torch.linspace(0, 1, OVERLAP + 2)[1:-1]
    fade_in = torch.sin(ramp * math.pi / 2) ** 2
    held: Tensor | None = None
    for block in blocks(pieces):
        result = network(block.samples)
        if held is not None:
            fade = fade_in[: len(result)].view(-1, *[1] * (result.ndim - 1))
            result = torch.cat([held[: len(fade)].lerp(result[: len(fade)], fade), result[len(fade) :]])
        if block.last:
            yield result
        else:
            yield result[: BLOCK - OVERLAP]
            held = result[BLOCK - OVERLAP :]


def blocks(pieces: Iterable[NDArray[np.float32]]) -> Iterator[Block]:
    """Cut a recording into overlapping blocks, at the same places however it was cut into pieces."""
    size, stride = BLOCK * HOP, (BLOCK - OVERLAP) * HOP
    buffer, start = np.zeros(0, np.float32), 0
    for piece in pieces:
        buffer = np.concatenate([buffer, np.asarray(piece, np.float32)])
        while len(buffer) > size:
            yield Block(start, levelled(torch.from_numpy(buffer[:size].copy())), last=False)
            buffer, start = buffer[stride:], start + BLOCK - OVERLAP
    if len(buffer) == 0:
        raise AudioError("The recording holds no samples; at least one is needed to encode speech.")
    padded = np.pad(buffer, (0, -len(buffer) % HOP))
    yield Block(start, levelled(torch.from_numpy(padded)), last=True)


def levelled(samples: Tensor, target: float = 0.12, most: float = 30.0) -> Tensor:
    """Bring speech to an even level: the loudest third of 20 ms frames to `target` rms, near-silence amplified by no more than `most`."""
    frames = samples[: len(samples) // HOP * HOP].view(-1, HOP)
    power = frames.square().mean(1).sort(descending=True).values
    level = power[: max(1, len(power) // 3)].mean().sqrt() if len(power) else samples.new_zeros(())
    return samples * min(most, target / max(float(level), 1e-6))


def at_video_rate(states: Tensor, frame_count: int, fps: float = 25.0) -> Tensor:
    """States `[T, ...]` interpolated to the middle instants of video: frame i shows time i / fps.  Returns `[frame_count, ...]`."""
    place = (torch.arange(frame_count) * (STATES_PER_SECOND / fps)).clamp(max=len(states) - 1)
    low = place.floor().long()
    high = (low + 1).clamp(max=len(states) - 1)
    part = (place - low).view(-1, *[1] * (states.ndim - 1)).to(states.dtype)
    return states[low].lerp(states[high], part)


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

    def states(self, waveform: Tensor) -> Tensor:
        return self(waveform[None])[0]

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
        spectrum = torch.stft(waveforms, 400, 160, window=self.window, return_complex=True)
        mel = torch.log10((self.mel @ spectrum[..., :-1].abs().square()).clamp_min(1e-10))
        return (torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8) + 4) / 4


def to_int8(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices as int8 with a float16 `.scale` per row, the rest in float16: half the size of float16."""
    packed = {}
    for name, value in state.items():
        if value.ndim < 2:
            packed[name] = value.half()
            continue
        scale = (value.float().flatten(1).abs().amax(1) / 127).clamp_min(1e-7).half()
        rows = scale.float().view(-1, *[1] * (value.ndim - 1))
        packed[name], packed[f"{name}.scale"] = (value / rows).round().clamp(-127, 127).to(torch.int8), scale
    return packed


def from_int8(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """What `to_int8` packed, in float32; weights that are not packed pass as they are."""
    return {
        name: value.float() * packed[f"{name}.scale"].float().view(-1, *[1] * (value.ndim - 1))
        if value.dtype == torch.int8
        else value.float()
        for name, value in packed.items()
        if not name.endswith(".scale")
    }


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


class Wav2Vec2Encoder:
    """A Wav2Vec2 folder (`transformers.Wav2Vec2Model`), the package's or the user's: projected convolutions, every layer's hidden states.

    `do_normalize` of its preprocessor_config.json (true where that file is missing) says whether a block is brought to zero mean and
    unit variance or heard as levelled.
    """

    def __init__(self, folder: Path = WEIGHTS / "wav2vec2") -> None:
        if not (Path(folder) / "config.json").is_file():
            raise ModelMissingError(
                f"{folder} holds no Wav2Vec2 model: config.json is missing. Give the folder of a model saved by transformers, "
                "for example a copy of facebook/wav2vec2-base (config.json and model.safetensors)."
            )
        from transformers import Wav2Vec2Model

        preprocessor = Path(folder) / "preprocessor_config.json"
        try:
            model = Wav2Vec2Model.from_pretrained(folder, local_files_only=True)
            given = json.loads(preprocessor.read_text(encoding="utf-8")) if preprocessor.is_file() else {}
            self._normalized = bool(given.get("do_normalize", True))
        except Exception as error:  # whatever transformers runs into in a damaged folder
            why = " ".join(str(error).split())[:200]
            raise ModelMissingError(
                f"{folder} holds no Wav2Vec2 model that can be read ({type(error).__name__}: {why}); download it again."
            ) from error
        self.model = model.float().eval().requires_grad_(False)
        config = self.model.config
        stride = math.prod(config.conv_stride)
        if stride != HOP:
            raise ModelMissingError(
                f"{folder}: one state every {stride} samples; expected {HOP}. Use a Wav2Vec2 with the usual strides."
            )
        self._margin = receptive_field(config.conv_kernel, config.conv_stride) // 2
        self.name, self.layers, self.width = Path(folder).name, config.num_hidden_layers + 1, config.hidden_size

    @torch.no_grad()
    def states(self, waveform: Tensor) -> Tensor:
        return self(waveform[None])[0]

    def __call__(self, waveforms: Tensor) -> Tensor:
        """`[batch, samples]`, samples a multiple of 320 and at most 160 000 -> `[batch, T, layers, width]`."""
        if self._normalized:
            mean, deviation = waveforms.mean(1, keepdim=True), waveforms.std(1, keepdim=True)
            waveforms = (waveforms - mean) / (deviation + 1e-5)
        centred = F.pad(waveforms, (self._margin, self._margin))  # state i then is centred on sample i * 320
        result = self.model(centred, output_hidden_states=True)
        # Versions of transformers differ in whether the last hidden state is normalised; this one always is.
        hidden = [*result.hidden_states[:-1], result.last_hidden_state]
        return torch.stack(hidden, 2)[:, : waveforms.shape[1] // HOP]


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


def receptive_field(kernels: Iterable[int], strides: Iterable[int]) -> int:
    field, stride = 1, 1
    for kernel, step in zip(kernels, strides, strict=True):
        field, stride = field + (kernel - 1) * stride, stride * step
    return field
