"""Sample rate conversion: torchaudio where this machine's build of it loads, PyAV's (FFmpeg's) resampler otherwise."""

from __future__ import annotations

import math
from types import ModuleType

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from .clip import AudioClip

ENCODER_RATE = 16_000  # what every audio encoder of this project listens to
BLOCK_SECONDS = 20
MAX_TORCHAUDIO_PHASES = (
    1000  # torchaudio's filter bank grows with the square of it (44 099 Hz -> 16 kHz would take gigabytes)
)


def to_mono_16k(clip: AudioClip) -> NDArray[np.float32]:
    """The clip as `[samples]` at 16 kHz, the mean of its channels: for encoders and measurements, never for the video's sound."""
    return resample(clip.mono()[None], clip.rate, ENCODER_RATE)[0]


def resample(samples: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    """`[channels, samples]` at `rate` Hz -> `[channels, ceil(samples * new_rate / rate)]`, without delay."""
    if rate == new_rate:
        return samples
    torchaudio = loadable_torchaudio()
    if torchaudio is not None and max(rate, new_rate) // math.gcd(rate, new_rate) <= MAX_TORCHAUDIO_PHASES:
        return resample_with_torchaudio(torchaudio, samples, rate, new_rate)
    return resample_with_pyav(samples, rate, new_rate)


def loadable_torchaudio() -> ModuleType | None:
    """torchaudio, or None where it is not installed or its binary does not fit this torch (CUDA wheels beside CPU torch)."""
    try:
        import torchaudio
    except (ImportError, OSError, RuntimeError):
        return None
    return torchaudio


def resample_with_torchaudio(
    torchaudio: ModuleType, samples: NDArray[np.float32], rate: int, new_rate: int
) -> NDArray[np.float32]:
    """Windowed-sinc interpolation (64 zero crossings) in blocks that overlap by more than the filter, so memory stays flat."""
    import torch  # takes seconds, and only this way of resampling needs it

    common = math.gcd(rate, new_rate)
    up, down = new_rate // common, rate // common
    zero_crossings = 64
    margin = math.ceil(2 * zero_crossings * max(1, down / up) / down) * down
    block = max(down, BLOCK_SECONDS * rate // down * down)
    length = samples.shape[1]
    out = np.zeros((samples.shape[0], output_length(length, rate, new_rate)), np.float32)
    for first in range(0, length, block):
        begin, end = max(0, first - margin), min(length, first + block + margin)
        piece = torch.from_numpy(np.ascontiguousarray(samples[:, begin:end]))
        made = torchaudio.functional.resample(piece, rate, new_rate, lowpass_filter_width=zero_crossings).numpy()
        skip, position = (first - begin) // down * up, first // down * up
        wanted = min(out.shape[1] - position, block // down * up, made.shape[1] - skip)
        out[:, position : position + wanted] = made[:, skip : skip + wanted]
    return out


def resample_with_pyav(samples: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    """FFmpeg's libswresample, channel by channel and block by block."""
    out = np.zeros((samples.shape[0], output_length(samples.shape[1], rate, new_rate)), np.float32)
    block = BLOCK_SECONDS * rate
    for channel, target in zip(samples, out, strict=True):
        resampler = av.AudioResampler(format="flt", layout="mono", rate=new_rate)
        position = 0
        for first in (*range(0, len(channel), block), None):
            frame = None
            if first is not None:
                piece = np.ascontiguousarray(channel[None, first : first + block], np.float32)
                frame = AudioFrame.from_ndarray(piece, format="flt", layout="mono")
                frame.sample_rate = rate
            for made in resampler.resample(frame):
                values = made.to_ndarray()[0, : len(target) - position]
                target[position : position + len(values)] = values
                position += len(values)
    return out


def output_length(length: int, rate: int, new_rate: int) -> int:
    return -(-length * new_rate // rate)
