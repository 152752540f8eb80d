"""Sound read a little faster or slower than it was recorded, by FFmpeg's resampler: its pitch changes with the speed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

BLOCK = 8192  # samples that are read at once
CUT_OFF = 0.975  # of the lower Nyquist frequency
FILTER = f"filter_type=kaiser:kaiser_beta=9:filter_size=32:phase_shift=10:linear_interp=1:cutoff={CUT_OFF}"
"""Residue of a tone after a change of speed by 0.2 %: -98 dB and less up to 20 kHz (48 kHz sound)."""
FINENESS = 1000  # the resampler takes whole rates: so many times the real ones say a speed to 1e-3 / rate
LEAD, LONGEST_LEAD = (
    32,
    100_000,
)  # output samples before the first wanted one: the filter mirrors the sound at its beginning


def at_speed(
    read: Callable[[int, int], NDArray[np.float32]], rate: int, first: float, speed: float, count: int
) -> Iterator[NDArray[np.float32]]:
    """Blocks `[channels, n]`, `count` samples in all, of which number i is the sound at `first + speed * i` (samples of the source).

    read: samples `[channels, high - low]` from low to high, either of which may lie outside the sound; low never falls.
    speed: not 1, near it.  Places are met to `abs(speed - 1) / 2` of a sample, of a change below 1e-5 to half a sample.
    """
    lead = _lead(first, speed)
    start = round(first - speed * lead)
    channels = len(read(start, start))
    graphs = [_graph(rate, speed) for _ in range(channels)]
    skip, missing, fed = lead, count, 0
    while missing:
        block = read(start + fed, start + fed + BLOCK)
        fed += BLOCK
        made = [_pushed(graph, samples, rate, speed) for graph, samples in zip(graphs, block, strict=True)]
        part = np.stack(made)[:, skip : skip + missing]
        skip -= min(skip, len(made[0]))
        missing -= part.shape[1]
        yield part


def _lead(first: float, speed: float) -> int:
    """Output samples to begin earlier, so that the first one is a whole sample of the source: FFmpeg begins at one."""
    change = speed - 1
    fraction = (first - speed * LEAD) % 1
    further = round((fraction if change > 0 else fraction - 1) / change)
    return LEAD + (further if further < LONGEST_LEAD else 0)


def _graph(rate: int, speed: float) -> av.filter.Graph:
    graph = av.filter.Graph()
    told = round(rate * FINENESS * speed)
    source = graph.add_abuffer(sample_rate=told, format="fltp", layout="mono", time_base=Fraction(1, told))
    resampler, sink = graph.add("aresample", f"{rate * FINENESS}:{FILTER}"), graph.add("abuffersink")
    source.link_to(resampler)
    resampler.link_to(sink)
    graph.configure()
    return graph


def _pushed(graph: av.filter.Graph, samples: NDArray[np.float32], rate: int, speed: float) -> NDArray[np.float32]:
    """What comes out of one channel's resampler as `samples` go in."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="fltp", layout="mono")
    frame.sample_rate = round(rate * FINENESS * speed)
    graph.push(frame)
    made = [np.zeros(0, np.float32)]
    while True:
        try:
            made.append(graph.pull().to_ndarray()[0])
        except (av.BlockingIOError, av.EOFError):
            return np.concatenate(made)
