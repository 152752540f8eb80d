"""Sample rate conversion, the same numbers on every machine: by torchaudio where its build loads, else by scipy with the same filter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from .clip import AudioClip
from .store import SampleStore

ENCODER_RATE = 16_000  # what every audio encoder of this project listens to
BLOCK_SECONDS = 4
LARGEST_TABLE = 2**21  # numbers: 16 MB
ROOM = 2**18  # numbers of samples laid side by side at once
ZERO_CROSSINGS = 64  # to either side of the filter's middle
ROLL_OFF = 0.99  # of the lower Nyquist frequency: torchaudio's own
MAX_TORCHAUDIO_PHASES = (
    1000  # torchaudio's filter bank grows with the square of it (44 099 Hz -> 16 kHz would take gigabytes)
)


Filter = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class BlockSource:
    """Sound that is read block by block: `read(begin, end)` gives float32 `[channels, end - begin]` of `length` samples at `rate`."""

    read: Callable[[int, int], NDArray[np.float32]]
    channels: int
    length: int
    rate: int


def to_mono_16k(clip: AudioClip) -> NDArray[np.float32]:
    """The clip as `[samples]` at 16 kHz, the mean of its channels: for encoders and measurements, never for the video's sound.

    Of a long recording it is mapped from a file; `store.blocks_of` goes through it without filling memory.
    """
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
    """All of the source at another rate, without delay: `[channels, ceil(length * new_rate / rate)]`.

    Windowed-sinc interpolation with torchaudio's filter (Smith, "Digital audio resampling"; Hann window), the same numbers to 1e-6 with and
    without torchaudio.  Blocks overlap by more than the filter, so that memory stays flat.
    """
    store = SampleStore(source.channels)
    for made in converted(source, new_rate):
        store.append(made)
    return store.whole()


def converted(source: BlockSource, new_rate: int) -> Iterator[NDArray[np.float32]]:
    """The same block by block, `[channels, n]` each."""
    if source.rate == new_rate:
        for first in range(0, source.length, BLOCK_SECONDS * source.rate):
            yield source.read(first, min(source.length, first + BLOCK_SECONDS * source.rate))
        return
    common = math.gcd(source.rate, new_rate)
    up, down = new_rate // common, source.rate // common
    filtered = block_filter(up, down)
    margin = math.ceil(2 * ZERO_CROSSINGS * max(1, down / up) / down) * down
    block = max(down, BLOCK_SECONDS * source.rate // down * down)
    length = output_length(source, new_rate)
    for first in range(0, source.length, block):
        begin, end = max(0, first - margin), min(source.length, first + block + margin)
        made = filtered(source.read(begin, end))
        skip, position = (first - begin) // down * up, first // down * up
        yield made[:, skip : skip + min(length - position, block // down * up)]


def block_filter(up: int, down: int) -> Filter:
    """What turns `[channels, n]` into `[channels, ceil(n * up / down)]` on this machine."""
    torchaudio = loadable_torchaudio()
    if torchaudio is not None and max(up, down) <= MAX_TORCHAUDIO_PHASES:
        return partial(filtered_by_torchaudio, torchaudio, up, down)
    kernel = sinc_kernel(up, down)
    if up * (down + 2 * (len(kernel) // 2 // up)) <= LARGEST_TABLE:
        return partial(filtered_by_table, phase_table(kernel, up, down), up, down)
    return partial(filtered_by_scipy, kernel, up, down)


def loadable_torchaudio() -> ModuleType | None:
    """torchaudio, or None where it is not installed or its binary does not fit this torch (CUDA wheels beside CPU torch)."""
    try:
        import torchaudio
    except (ImportError, OSError, RuntimeError):
        return None
    return torchaudio


def filtered_by_torchaudio(
    torchaudio: ModuleType, up: int, down: int, samples: NDArray[np.float32]
) -> NDArray[np.float32]:
    """In double precision: of single-precision waveforms torchaudio makes a single-precision filter, which is 1e-5 off."""
    import torch  # takes seconds, and only this way of resampling needs it

    waveform = torch.from_numpy(np.ascontiguousarray(samples, np.float64))
    return torchaudio.functional.resample(waveform, down, up, lowpass_filter_width=ZERO_CROSSINGS).float().numpy()


def sinc_kernel(up: int, down: int) -> NDArray[np.float64]:
    """The filter at `up * down` values in the time of `down` samples, its middle the peak: a sinc under a Hann window."""
    cut_off = ROLL_OFF * min(up, down)
    reach = math.ceil(ZERO_CROSSINGS * up * down / cut_off)
    t = np.clip(np.arange(-reach, reach + 1) * (cut_off / (up * down)), -ZERO_CROSSINGS, ZERO_CROSSINGS)
    return np.sinc(t) * np.cos(t * (np.pi / 2 / ZERO_CROSSINGS)) ** 2 * (cut_off / down)


def phase_table(kernel: NDArray[np.float64], up: int, down: int) -> NDArray[np.float64]:
    """`[up, width]`: what each of `up` output samples takes of the input samples around the `down` that they stand for."""
    reach = len(kernel) // 2
    side = -(-reach // up)
    places = reach + down * np.arange(up)[:, None] - up * np.arange(-side, side + down)
    inside = (places >= 0) & (places < len(kernel))
    return np.where(inside, kernel[np.clip(places, 0, len(kernel) - 1)], 0.0)


def filtered_by_table(
    table: NDArray[np.float64], up: int, down: int, samples: NDArray[np.float32]
) -> NDArray[np.float32]:
    """For usual rates: a matrix product, without scipy.signal, whose import costs 0.35 s and 24 MB in every run."""
    width = table.shape[1]
    side = (width - down) // 2
    length, steps = -(-samples.shape[1] * up // down), -(-samples.shape[1] // down)
    padded = np.pad(samples.astype(np.float64), ((0, 0), (side, side + steps * down - samples.shape[1])))
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)[:, ::down]
    made = np.empty((len(samples), steps * up), np.float32)
    at_once = max(1, ROOM // width)
    for first in range(0, steps, at_once):
        part = windows[:, first : min(steps, first + at_once)] @ table.T
        made[:, first * up : first * up + part.shape[1] * up] = part.reshape(len(samples), -1)
    return made[:, :length]


def filtered_by_scipy(
    kernel: NDArray[np.float64], up: int, down: int, samples: NDArray[np.float32]
) -> NDArray[np.float32]:
    """For odd rates (44 099 Hz -> 16 kHz), whose table would take gigabytes."""
    from scipy.signal import upfirdn

    length, reach = -(-samples.shape[1] * up // down), len(kernel) // 2
    early = -reach % down  # zeros before the kernel, so that its peak falls on a sample that is kept
    made = upfirdn(np.pad(kernel, (early, 0)), samples, up, down, axis=1)
    skip = (reach + early) // down
    return np.pad(made, ((0, 0), (0, skip)))[:, skip : skip + length].astype(np.float32)


def output_length(source: BlockSource, new_rate: int) -> int:
    return -(-source.length * new_rate // source.rate)
