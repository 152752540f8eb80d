"""A Wav2Vec2 that is Whisper's tiny.en encoder by construction: the same layers and positions behind a convolutional front end.

Wav2Vec2 hears the waveform through convolutions and has no absolute positions; Whisper hears a log mel spectrogram and adds sinusoids.
What the first lacks is built from what it has:

1. conv 0, 240 channels: every mel band at three phases 120 degrees apart.  Rectified and summed they give the band's magnitude.  Its
   group norm would amplify silence; signals far below the norm's epsilon make it a constant gain.
2. conv 1, 80 channels: the magnitudes, smoothed over what is left of Whisper's 25 ms.
3. conv 2: units that fall silent at rising levels; their weighted sum is a logarithm (fitted by least squares).
4. conv 3 and 4: Whisper's two convolutions, the first one joined with the fit of 3.  One constant channel of conv 4 is so large that the
   projection's layer norm divides by a constant; the projection is fitted by least squares.
5. The convolutional position embedding sums from the block's beginning, over a constant that the projection adds and the embedding's
   own bias takes away again: Whisper's sinusoids.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from sonic_core.hearing.encoders import BLOCK, RATE
from sonic_core.hearing.whisper import WhisperEncoder

if TYPE_CHECKING:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

BANDS, PHASES, LEVELS = 80, 3, 6
KERNELS, STRIDES = (400, 20, 1, 3, 3), (20, 8, 1, 1, 2)
GAIN = 1000.0
"""Of conv 0 behind its norm: speech lies at 10 to 100, where the GELU is a rectifier."""
FAR_BELOW_EPSILON = 5e-3
"""Of conv 0 before its norm: variance of speech 1e-8, epsilon 1e-5."""
STEEPNESS = 3.0
CONSTANT = 256.0
"""What the position embedding sums, and the channel that rules the projection's norm."""


def config(layers: int = 4, width: int = 384, heads: int = 6) -> Wav2Vec2Config:
    from transformers import Wav2Vec2Config

    return Wav2Vec2Config(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width,
        do_stable_layer_norm=True, feat_extract_norm="group", conv_bias=True,
        conv_dim=(PHASES * BANDS, BANDS, LEVELS * BANDS, width, width + 1), conv_kernel=KERNELS, conv_stride=STRIDES,
        num_conv_pos_embeddings=2 * BLOCK, num_conv_pos_embedding_groups=width,
        hidden_dropout=0.0, attention_dropout=0.0, activation_dropout=0.0, feat_proj_dropout=0.0, layerdrop=0.0,
        mask_time_prob=0.0, mask_feature_prob=0.0, apply_spec_augment=False, vocab_size=32,
    )  # fmt: skip


@torch.no_grad()
def build(whisper: WhisperEncoder, waveforms: Tensor) -> Wav2Vec2Model:
    """The model with Whisper's weights; `waveforms` [B, samples], levelled as the encoder hears them, are what the fits see."""
    from transformers import Wav2Vec2Model

    model = Wav2Vec2Model(config(whisper.layers - 1, whisper.width, whisper.heads)).eval()
    convolutions = [layer.conv for layer in model.feature_extractor.conv_layers]
    _filters(convolutions[0], model.feature_extractor.conv_layers[0].layer_norm)
    _smoothing(convolutions[1])
    before_logarithm = (KERNELS[0] + (KERNELS[1] - 1) * STRIDES[0]) // 2
    magnitudes = F.pad(waveforms, (before_logarithm, before_logarithm))[:, None]
    for layer in model.feature_extractor.conv_layers[:2]:
        magnitudes = layer(magnitudes)
    _levels(convolutions[2], magnitudes)
    mel = whisper.log_mel(waveforms)
    units = model.feature_extractor.conv_layers[2](magnitudes)[..., : mel.shape[-1]]
    weight, bias = _least_squares(units.transpose(1, 2).flatten(0, 1), mel.transpose(1, 2).flatten(0, 1))
    _whisper_convolutions(convolutions[3], convolutions[4], whisper, weight, bias)
    _positions(model.encoder.pos_conv_embed.conv, whisper)
    _layers(model, whisper)
    _projection(model, whisper, waveforms)
    return model


def margin() -> int:
    """Samples of silence that go before and after a block, so that state i is centred on sample i * 320."""
    field, stride = 1, 1
    for kernel, step in zip(KERNELS, STRIDES, strict=True):
        field, stride = field + (kernel - 1) * stride, stride * step
    return field // 2


def _band_edges() -> Tensor:
    """Hertz of Slaney's mel scale, `[BANDS + 2]`."""
    top = 15 + math.log(RATE / 2 / 1000) / (math.log(6.4) / 27)
    mel = torch.linspace(0, top, BANDS + 2, dtype=torch.float64)
    return torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp(math.log(6.4) / 27 * (mel - 15)))


def _window_lengths() -> list[int]:
    """Samples of a Hann window as narrow in frequency as the mel band, none longer than Whisper's."""
    edges = _band_edges()
    return [int(min(KERNELS[0], max(32, 4 * RATE / (high - low)))) for low, high in zip(edges, edges[2:], strict=False)]


def _centred(window: Tensor, size: int) -> Tensor:
    left = (size - len(window)) // 2
    return F.pad(window, (left, size - len(window) - left))


def _filters(conv: torch.nn.Conv1d, norm: torch.nn.GroupNorm) -> None:
    seconds = (torch.arange(KERNELS[0], dtype=torch.float64) - (KERNELS[0] - 1) / 2) / RATE
    rows = []
    for centre, length in zip(_band_edges()[1:-1], _window_lengths(), strict=True):
        window = _centred(torch.hann_window(length, dtype=torch.float64), KERNELS[0])
        for phase in range(PHASES):
            wave = torch.cos(2 * math.pi * (centre * seconds + phase / PHASES)) * window
            rows.append(wave / window.sum() * 2)
    conv.weight.copy_(torch.stack(rows)[:, None] * FAR_BELOW_EPSILON)
    conv.bias.zero_()
    norm.weight.fill_(GAIN * norm.eps**0.5 / FAR_BELOW_EPSILON)
    norm.bias.zero_()


def _smoothing(conv: torch.nn.Conv1d) -> None:
    conv.weight.zero_()
    conv.bias.zero_()
    for band, length in enumerate(_window_lengths()):
        taps = round(min(KERNELS[1], max(3, (KERNELS[0] ** 2 - length**2) ** 0.5 / STRIDES[0])))
        window = _centred(torch.hann_window(taps + 2, periodic=False)[1:-1], KERNELS[1])
        conv.weight[band, PHASES * band : PHASES * (band + 1)] = window / window.sum()


def _levels(conv: torch.nn.Conv1d, magnitudes: Tensor) -> None:
    """Thresholds of every band at equal steps of level between the 1st and the 99th percentile heard."""
    heard = magnitudes.transpose(0, 1).flatten(1).clamp_min(2e-4).log()
    low, high = (torch.quantile(heard[:, :: max(1, heard.shape[1] // 20_000)], q, dim=1) for q in (0.01, 0.99))
    conv.weight.zero_()
    conv.bias.fill_(STEEPNESS)
    for level in range(LEVELS):
        threshold = (low + (high - low) * (level + 0.5) / (LEVELS - 0.5)).exp()
        for band in range(BANDS):
            conv.weight[band * LEVELS + level, band, 0] = -STEEPNESS / threshold[band]


def _whisper_convolutions(
    first: torch.nn.Conv1d, second: torch.nn.Conv1d, whisper: WhisperEncoder, weight: Tensor, bias: Tensor
) -> None:
    first.weight.copy_(torch.einsum("omk,mu->ouk", whisper.conv1.weight, weight))
    first.bias.copy_(whisper.conv1.bias + whisper.conv1.weight.sum(2) @ bias)
    second.weight.zero_()
    second.weight[:-1] = whisper.conv2.weight
    second.bias[:-1] = whisper.conv2.bias
    second.bias[-1] = CONSTANT


def _positions(conv: torch.nn.Conv1d, whisper: WhisperEncoder) -> None:
    """Tap d frames back holds the step of the sinusoid from d - 1 to d: summed over a constant, the sinusoid itself."""
    steps = whisper.positions[1:] - whisper.positions[:-1]
    middle = conv.kernel_size[0] // 2
    weight = torch.zeros_like(conv.weight)
    weight[:, 0, middle - len(steps) : middle] = -steps.flip(0).T / CONSTANT
    size = weight.norm(dim=(0, 1), keepdim=True)
    direction = torch.where(size > 0, weight * CONSTANT, torch.ones_like(weight))  # of a size that float16 holds
    conv.parametrizations.weight.original0.copy_(size)
    conv.parametrizations.weight.original1.copy_(direction)
    conv.bias.copy_(CONSTANT + whisper.positions[0])


def _layers(model: Wav2Vec2Model, whisper: WhisperEncoder) -> None:
    for ours, theirs in zip(model.encoder.layers, whisper.blocks, strict=True):
        for name, rows in zip(("q_proj", "k_proj", "v_proj"), theirs.qkv.weight.chunk(3), strict=True):
            getattr(ours.attention, name).weight.copy_(rows)
        for name, rows in zip(("q_proj", "k_proj", "v_proj"), theirs.qkv.bias.chunk(3), strict=True):
            getattr(ours.attention, name).bias.copy_(rows)
        ours.attention.out_proj.load_state_dict(theirs.out.state_dict())
        ours.layer_norm.load_state_dict(theirs.norm1.state_dict())
        ours.final_layer_norm.load_state_dict(theirs.norm2.state_dict())
        ours.feed_forward.intermediate_dense.load_state_dict(theirs.up.state_dict())
        ours.feed_forward.output_dense.load_state_dict(theirs.down.state_dict())
    model.encoder.layer_norm.load_state_dict(whisper.norm.state_dict())


def _projection(model: Wav2Vec2Model, whisper: WhisperEncoder, waveforms: Tensor) -> None:
    projection = model.feature_projection
    projection.layer_norm.weight.fill_(1.0)
    projection.layer_norm.bias.zero_()
    heard = model.feature_extractor(F.pad(waveforms, (margin(), margin()))).transpose(1, 2)
    stem = F.gelu(whisper.conv2(F.gelu(whisper.conv1(whisper.log_mel(waveforms))))).transpose(1, 2)
    inputs = projection.layer_norm(heard[:, : stem.shape[1]])
    weight, bias = _least_squares(inputs.flatten(0, 1), stem.flatten(0, 1))
    projection.projection.weight.copy_(weight)
    projection.projection.bias.copy_(bias - CONSTANT)


def _least_squares(inputs: Tensor, outputs: Tensor, ridge: float = 1e-4) -> tuple[Tensor, Tensor]:
    """Weight [m, n] and bias [m] of the linear map from inputs [N, n] to outputs [N, m]."""
    x, y = inputs.double(), outputs.double()
    x_mean, y_mean = x.mean(0), y.mean(0)
    scale = x.std(0).clamp_min(1e-6)
    x = (x - x_mean) / scale
    gram = x.T @ x + ridge * len(x) * torch.eye(x.shape[1], dtype=torch.float64)
    weight = torch.linalg.solve(gram, x.T @ (y - y_mean)).T / scale
    return weight.float(), (y_mean - weight @ x_mean).float()
