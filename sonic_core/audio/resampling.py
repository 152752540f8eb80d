"""Sample rate conversion: torchaudio where this machine's build of it loads, PyAV's (FFmpeg's) resampler otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from .clip import AudioClip

ENCODER_RATE = 16_000  # what every audio encoder of this project listens to
BLOCK_SECONDS = 4
ZERO_CROSSINGS = 64  # of torchaudio's filter
MAX_TORCHAUDIO_PHASES = (
    1000  # torchaudio's filter bank grows with the square of it (44 099 Hz -> 16 kHz would take gigabytes)
)


@dataclass(frozen=True)
class BlockSource:
    """Sound that is read block by block: `read(begin, end)` gives float32 `[channels, end - begin]` of `length` samples at `rate`."""

    read: Callable[[int, int], NDArray[np.float32]]
    channels: int
    length: int
    rate: int


def to_mono_16k(clip: AudioClip) -> NDArray[np.float32]:
    """The clip as `[samples]` at 16 kHz, the mean of its channels: for encoders and measurements, never for the video's sound."""
    if clip.rate == ENCODER_RATE:
        return clip.mono()
    mono = BlockSource(lambda begin, end: clip.mixed(begin, end)[None], 1, clip.samples.shape[1], clip.rate)
    return convert(mono, ENCODER_RATE)[0]


def resample(samples: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    """`[channels, samples]` at `rate` Hz -> `[channels, ceil(samples * new_rate / rate)]`, without delay."""
    if rate == new_rate:
        return samples
    return convert(source_of(samples, rate), new_rate)


def source_of(samples: NDArray[np.float32], rate: int) -> BlockSource:
    return BlockSource(lambda begin, end: samples[:, begin:end], samples.shape[0], samples.shape[1], rate)


def convert(source: BlockSource, new_rate: int) -> NDArray[np.float32]:
    """All of the source at another rate, by the best means that this machine has."""
    torchaudio = loadable_torchaudio()
    phases = max(source.rate, new_rate) // math.gcd(source.rate, new_rate)
    if torchaudio is not None and phases <= MAX_TORCHAUDIO_PHASES:
        return convert_with_torchaudio(torchaudio, source, new_rate)
    return convert_with_pyav(source, new_rate)


def loadable_torchaudio() -> ModuleType | None:
    """torchaudio, or None where it is not installed or its binary does not fit this torch (CUDA wheels beside CPU torch)."""
    try:
        import torchaudio
    except (ImportError, OSError, RuntimeError):
        return None
    return torchaudio


def convert_with_torchaudio(torchaudio: ModuleType, source: BlockSource, new_rate: int) -> NDArray[np.float32]:
    """Windowed-sinc interpolation (64 zero crossings) in blocks that overlap by more than the filter, so memory stays flat."""
    import torch  # takes seconds, and only this way of resampling needs it

    common = math.gcd(source.rate, new_rate)
    up, down = new_rate // common, source.rate // common
    margin = math.ceil(2 * ZERO_CROSSINGS * max(1, down / up) / down) * down
    block = max(down, BLOCK_SECONDS * source.rate // down * down)
    out = np.zeros((source.channels, output_length(source, new_rate)), np.float32)
    for first in range(0, source.length, block):
        begin, end = max(0, first - margin), min(source.length, first + block + margin)
        piece = torch.from_numpy(np.ascontiguousarray(source.read(begin, end)))
        made = torchaudio.functional.resample(piece, source.rate, new_rate, lowpass_filter_width=ZERO_CROSSINGS).numpy()
        skip, position = (first - begin) // down * up, first // down * up
        wanted = min(out.shape[1] - position, block // down * up, made.shape[1] - skip)
        out[:, position : position + wanted] = made[:, skip : skip + wanted]
    return out


def convert_with_pyav(source: BlockSource, new_rate: int) -> NDArray[np.float32]:
    """FFmpeg's libswresample, one resampler for each channel, block by block."""
    out = np.zeros((source.channels, output_length(source, new_rate)), np.float32)
    resamplers = [av.AudioResampler(format="flt", layout="mono", rate=new_rate) for _ in range(source.channels)]
    positions = [0] * source.channels
    block = BLOCK_SECONDS * source.rate
    for first in (*range(0, source.length, block), None):
        sound = [None] * source.channels if first is None else source.read(first, min(source.length, first + block))
        for channel, (resampler, samples) in enumerate(zip(resamplers, sound, strict=True)):
            for made in resampler.resample(None if samples is None else mono_frame(samples, source.rate)):
                position = positions[channel]
                values = made.to_ndarray()[0, : out.shape[1] - position]
                out[channel, position : position + len(values)] = values
                positions[channel] += len(values)
    return out


def mono_frame(samples: NDArray[np.float32], rate: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples[None], np.float32), format="flt", layout="mono")
    frame.sample_rate = rate
    return frame


def output_length(source: BlockSource, new_rate: int) -> int:
    return -(-source.length * new_rate // source.rate)
