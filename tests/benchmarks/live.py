"""Live: what a session costs, how soon frames come, how many sessions a machine carries; `python -m tests.benchmarks live`.

CPU times are of the processes that work; sessions side by side are started at once, a process each, and have to keep up for SECONDS.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Sequence
from itertools import islice
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier

import numpy as np
import torch

from sonic_core.audio.loading import load_audio
from sonic_core.engines.registry import load_engine
from sonic_core.engines.streaming import Stage
from sonic_core.live.core import LiveCore
from sonic_core.live.session import LiveSession
from sonic_core.live.stats import LiveStats
from sonic_core.portrait.analysis import load_portrait
from sonic_core.portrait.portrait import Portrait
from sonic_core.samples import PORTRAIT, SPEECH
from sonic_core.settings import Settings
from sonic_core.threads import one_thread

from .table import Row

TITLE = "Live (lite), talk all the time"
SECONDS = 10
PIECE = 0.02  # s of sound pushed at a time
LATE = 0.08
SIDE_BY_SIDE = {512: 3, 384: 5}
KEEPS_UP = 0.01  # share of frames that may be left out


def measure() -> list[Row]:
    torch.set_num_threads(1)
    engine, portrait = load_engine(), load_portrait(PORTRAIT)
    stages = {side: engine.stage(portrait, Settings(min_resolution=side)) for side in SIDE_BY_SIDE}
    mono, rate = speech()
    with one_thread():
        rows = [cost(stage, side, mono, rate) for side, stage in stages.items()]
        rows += alone(stages[512], mono, rate)
        rows += after_a_late_packet(stages[512], mono, rate)
        for side, count in SIDE_BY_SIDE.items():
            rows += in_processes(portrait, side, count)
        rows += in_threads(stages[512], 512, SIDE_BY_SIDE[512], mono, rate)
    return rows


def cost(stage: Stage, side: int, mono: np.ndarray, rate: int) -> Row:
    """CPU of one session, pulled as fast as it goes."""
    core, frames = LiveCore(stage), round(SECONDS * stage.fps)
    core.push_audio(mono, rate)
    for _ in range(10):
        core.pull()
    start = time.process_time()
    for _ in range(frames):
        core.pull()
    share = (time.process_time() - start) / SECONDS
    return Row(f"CPU of a session at {side}, share of a core", share, "", {512: 0.6}.get(side))


def alone(stage: Stage, mono: np.ndarray, rate: int) -> list[Row]:
    """One session in real time."""
    start = time.perf_counter()
    session = LiveSession(stage)
    frames = iter(session)
    next(frames)
    first = 1000 * (time.perf_counter() - start)
    frames.close()
    stats = run(LiveSession(stage), mono, rate)
    return [
        Row("first frame of a stage that is ready", first, "ms", 200),
        Row("sound in to its frame out, median", stats.latency_ms, "ms", 160),
        Row("sound in to its frame out, 95th percentile", stats.latency_95_ms, "ms", 240),
        Row("pictures left out", 100 * stats.dropped / stats.frames, "%", 100 * KEEPS_UP),
        Row("gaps in the sound", stats.gaps, ""),
    ]


def after_a_late_packet(stage: Stage, mono: np.ndarray, rate: int) -> list[Row]:
    """One session, of which a packet at 1 s comes LATE s too late."""
    stats = run(LiveSession(stage), mono, rate, late=LATE)
    return [
        Row("sound in to its frame out, median, after one late packet", stats.latency_ms, "ms", 160),
        Row("gaps in the sound of that", stats.gaps, ""),
    ]


def in_threads(stage: Stage, side: int, count: int, mono: np.ndarray, rate: int) -> list[Row]:
    """Several sessions of one process at once, frames only."""
    done: list[LiveStats] = []
    threads = [threading.Thread(target=lambda: done.append(run(LiveSession(stage), mono, rate))) for _ in range(count)]
    start = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _rows(f"{count} sessions at {side} in one process", done, (time.process_time() - start) / SECONDS, None)


def in_processes(portrait: Portrait, side: int, count: int) -> list[Row]:
    """Several sessions at once, each in a process of its own as `live --sessions` has it, frames only."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(count), context.SimpleQueue()
    processes = [context.Process(target=_alone, args=(portrait, side, barrier, results)) for _ in range(count)]
    for process in processes:
        process.start()
    done, seconds = zip(*(results.get() for _ in processes), strict=True)
    for process in processes:
        process.join()
    return _rows(f"{count} sessions at {side}", done, sum(seconds) / SECONDS, 100 * KEEPS_UP)


def _alone(portrait: Portrait, side: int, barrier: Barrier, results: SimpleQueue[tuple[LiveStats, float]]) -> None:
    """A process: one session in step with the others; puts its stats and its CPU seconds."""
    torch.set_num_threads(1)
    stage = load_engine().stage(portrait, Settings(min_resolution=side))
    mono, rate = speech()
    with one_thread():
        run(LiveSession(stage), mono[: rate // 2], rate, 1)  # what is only slow the first time
        barrier.wait()
        start = time.process_time()
        stats = run(LiveSession(stage), mono, rate)
        results.put((stats, time.process_time() - start))


def _rows(what: str, done: Sequence[LiveStats], cores: float, limit: float | None) -> list[Row]:
    dropped = 100 * max(stats.dropped / stats.frames for stats in done)
    late = max(stats.lateness_95_ms for stats in done)
    return [
        Row(f"{what}: pictures left out, the worst of them", dropped, "%", limit),
        Row(f"{what}: frames late by, 95th percentile, the worst", late, "ms"),
        Row(f"{what}: cores in use", cores, ""),
    ]


def speech() -> tuple[np.ndarray, int]:
    """Talk without end: `[samples]` of twice SECONDS, and their rate."""
    sound = load_audio(SPEECH)
    return np.tile(sound.mono(), 1 + 2 * SECONDS * sound.rate // sound.samples.shape[1])[
        : 2 * SECONDS * sound.rate
    ], sound.rate


def run(session: LiveSession, mono: np.ndarray, rate: int, seconds: float = SECONDS, late: float = 0.0) -> LiveStats:
    """Speak into a session in real time while its frames are taken.  late: s by which the packet at 1 s and those held up by it come."""

    def speak() -> None:
        size = round(PIECE * rate)
        start = time.monotonic()
        for i in range(round(seconds / PIECE)):
            session.push_audio(mono[i * size : (i + 1) * size], rate)
            due = (i + 1) * PIECE
            due = 1 + late if 1 <= due < 1 + late else due
            time.sleep(max(0.0, start + due - time.monotonic()))

    speaker = threading.Thread(target=speak)
    frames = iter(session)
    next(frames)
    speaker.start()
    for _ in islice(frames, round(seconds * session.stage.fps)):
        pass
    stats = session.stats
    session.close()
    speaker.join()
    return stats
