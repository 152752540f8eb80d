"""Live: what a session costs, how soon frames come, how many sessions a machine carries; `python -m tests.benchmarks live`.

CPU times are of this process; the sessions side by side are started at once, a thread each, and have to keep up for SECONDS.
"""

from __future__ import annotations

import threading
import time
from itertools import islice

import numpy as np
import torch

from sonic_core.audio.loading import load_audio
from sonic_core.engines.registry import load_engine
from sonic_core.engines.streaming import Stage
from sonic_core.live.core import LiveCore
from sonic_core.live.session import LiveSession
from sonic_core.live.stats import LiveStats
from sonic_core.portrait.analysis import load_portrait
from sonic_core.samples import PORTRAIT, SPEECH
from sonic_core.settings import Settings
from sonic_core.threads import one_thread

from .table import Row

TITLE = "Live (lite), talk all the time"
SECONDS = 10
PIECE = 0.02  # s of sound pushed at a time
SIDE_BY_SIDE = {512: 3, 384: 5}
KEEPS_UP = 0.01  # share of frames that may be left out


def measure() -> list[Row]:
    torch.set_num_threads(1)
    engine, portrait = load_engine(), load_portrait(PORTRAIT)
    stages = {side: engine.stage(portrait, Settings(min_resolution=side)) for side in SIDE_BY_SIDE}
    sound = load_audio(SPEECH)
    mono = np.tile(sound.mono(), 1 + 2 * SECONDS * sound.rate // sound.samples.shape[1])[: 2 * SECONDS * sound.rate]
    with one_thread():
        rows = [cost(stage, side, mono, sound.rate) for side, stage in stages.items()]
        rows += alone(stages[512], mono, sound.rate)
        for side, count in SIDE_BY_SIDE.items():
            rows += together(stages[side], side, count, mono, sound.rate)
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


def together(stage: Stage, side: int, count: int, mono: np.ndarray, rate: int) -> list[Row]:
    """Several sessions at once, frames only."""
    done: list[LiveStats] = []
    threads = [threading.Thread(target=lambda: done.append(run(LiveSession(stage), mono, rate))) for _ in range(count)]
    start = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cores = (time.process_time() - start) / SECONDS
    dropped = 100 * max(stats.dropped / stats.frames for stats in done)
    late = max(stats.lateness_95_ms for stats in done)
    return [
        Row(f"{count} sessions at {side}: pictures left out, the worst of them", dropped, "%", 100 * KEEPS_UP),
        Row(f"{count} sessions at {side}: frames late by, 95th percentile, the worst", late, "ms"),
        Row(f"{count} sessions at {side}: cores in use", cores, ""),
    ]


def run(session: LiveSession, mono: np.ndarray, rate: int) -> LiveStats:
    """Speak into a session in real time for SECONDS while its frames are taken."""

    def speak() -> None:
        size = round(PIECE * rate)
        start = time.monotonic()
        for i in range(round(SECONDS / PIECE)):
            session.push_audio(mono[i * size : (i + 1) * size], rate)
            time.sleep(max(0.0, start + (i + 1) * PIECE - time.monotonic()))

    speaker = threading.Thread(target=speak)
    frames = iter(session)
    next(frames)
    speaker.start()
    for _ in islice(frames, round(SECONDS * session.stage.fps)):
        pass
    stats = session.stats
    session.close()
    speaker.join()
    return stats
