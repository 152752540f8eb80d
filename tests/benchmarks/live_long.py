"""Hours of talk and silence through a live session: memory, and whether picture and sound stay together.

The session runs on a clock of its own that does not wait, so that an hour takes as long as its work.  Sound comes at 44.1 kHz in packets of
20 ms: the bundled sentence, each time of another loudness, after pauses in which silence is sent or nothing.  One picture in 25 is drawn,
all poses are taken.  SONIC_LIVE_HOURS: how long, by default a tenth of an hour.

Picture against sound: lag between the lips' opening and the loudness of the sound in the same frames, in the first and the last quarter.
Sound in against sound out: seconds between the moment a sample was pushed and its frame, in the first and the last quarter.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from itertools import islice

import numpy as np
import psutil
from numpy.typing import NDArray

from sonic_core.audio.loading import load_audio
from sonic_core.engines.lite.lip_parting import lip_opening
from sonic_core.engines.registry import load_engine
from sonic_core.engines.streaming import Performance, Stage
from sonic_core.frames import Frame
from sonic_core.live.session import Clock, LiveSession
from sonic_core.portrait.analysis import load_portrait
from sonic_core.samples import PORTRAIT, SPEECH
from sonic_core.settings import Settings

from .table import Row

log = logging.getLogger(__name__)

TITLE = "A long live session (lite, 256)"
RATE, PACKET = 44_100, 0.02
DRAWN = 25  # one picture in as many
SETTLED = 60.0  # s after which memory is compared
MOST_LAG = 12  # frames
PAUSES = 2.0, 20.0  # s


class Watched(Stage):
    """A stage whose poses are noted."""

    def __init__(self, stage: Stage) -> None:
        self.inner, self.opened = stage, list[float]()
        self.width, self.height, self.fps = stage.width, stage.height, stage.fps
        self.step, self.look_ahead, self.notes = stage.step, stage.look_ahead, stage.notes
        self.image: Frame | None = None

    def perform(self, settings: Settings) -> Performance:
        return self.inner.perform(settings)

    def draw(self, pose: NDArray[np.float32]) -> Frame:
        if self.image is None or len(self.opened) % DRAWN == 0:
            self.image = self.inner.draw(pose)
        self.opened.append(float(lip_opening(pose[None])[0]))
        return self.image


class Talker(Clock):
    """The session's clock, and who talks to it: waiting moves the clock on and pushes what is due meanwhile."""

    def __init__(self) -> None:
        self.time = 0.0
        self.session: LiveSession | None = None
        self.rng = np.random.default_rng(0)
        speech = load_audio(SPEECH)
        places = np.arange(0, speech.samples.shape[1] - 1, speech.rate / RATE)
        self.sentence = np.interp(places, np.arange(speech.samples.shape[1]), speech.mono()).astype(np.float32)
        self.line = self.packets()
        self.due = 0.0
        self.pushed = 0.0

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float, closed: threading.Event) -> None:
        end = self.time + seconds
        while self.due <= end:
            self.time = max(self.time, self.due)
            packet = next(self.line)
            if packet is not None and self.session is not None:
                self.session.push_audio(packet, RATE)
            self.due += PACKET
        self.time = end

    def packets(self):
        """Every 20 ms a packet, or None where nobody sends anything."""
        size = round(PACKET * RATE)
        while True:
            sentence = self.sentence * np.float32(self.rng.uniform(0.2, 1.0))
            yield from (sentence[i : i + size] for i in range(0, len(sentence) - size, size))
            silent = np.zeros(size, np.float32) if self.rng.random() < 0.5 else None
            if silent is None and self.session is not None:
                self.session.end_of_speech()
            for _ in range(round(self.rng.uniform(*PAUSES) / PACKET)):
                yield silent


def measure() -> list[Row]:
    hours = float(os.environ.get("SONIC_LIVE_HOURS", "0.1"))
    stage = Watched(load_engine().stage(load_portrait(PORTRAIT), Settings(min_resolution=256)))
    talker = Talker()
    session = LiveSession(stage, Settings(min_resolution=256), clock=talker)
    talker.session = session
    frames, process = round(hours * 3600 * stage.fps), psutil.Process()
    loud, behind, memory = np.zeros(frames), np.zeros(frames), []
    start = time.process_time()
    for i, frame in enumerate(islice(session, frames)):
        loud[i] = np.sqrt(np.mean(frame.audio**2))
        behind[i] = session.pushed - frame.through
        if i % round(SETTLED * stage.fps) == 0:
            memory.append(process.memory_info().rss / 1e6)
            log.info("%.0f s: %.1f MB", i / stage.fps, memory[-1])
    cpu = time.process_time() - start
    opened, quarter = np.array(stage.opened[:frames]), frames // 4
    lags = [lag(opened[part], loud[part]) / stage.fps for part in (slice(quarter), slice(-quarter, None))]
    delays = [float(np.median(behind[part][loud[part] > 0.01])) for part in (slice(quarter), slice(-quarter, None))]
    stats = session.stats
    return [
        Row("length", hours, "h"),
        Row("CPU, share of a core (one picture in 25)", cpu / (hours * 3600), ""),
        Row("memory after the first minute", memory[1], "MB"),
        Row("memory at the end", memory[-1], "MB"),
        Row("memory, growth since the first minute", 100 * (memory[-1] / memory[1] - 1), "%", 2),
        Row("lips against sound, first quarter", 1000 * lags[0], "ms"),
        Row("lips against sound, last quarter", 1000 * lags[1], "ms"),
        Row("picture against sound, drift", 1000 * abs(lags[1] - lags[0]), "ms", 20),
        Row("sound in against sound out, drift", 1000 * abs(delays[1] - delays[0]), "ms", 20),
        Row("gaps in the sound", stats.gaps, ""),
        Row("sound that waits in the end", stats.waiting, "s"),
    ]


def lag(opened: np.ndarray, loud: np.ndarray) -> float:
    """Frames by which the lips follow the loudness: top of the cross-correlation, between frames by a parabola."""
    opened, loud = (np.diff(track) - np.diff(track).mean() for track in (opened, loud))
    shifts = range(-MOST_LAG, MOST_LAG + 1)
    size = len(opened) - 2 * MOST_LAG
    scores = [float(opened[MOST_LAG + s : MOST_LAG + s + size] @ loud[MOST_LAG : MOST_LAG + size]) for s in shifts]
    top = int(np.argmax(scores[1:-1])) + 1
    before, at, after = scores[top - 1 : top + 2]
    return top - MOST_LAG + 0.5 * (before - after) / (before - 2 * at + after)


if __name__ == "__main__":
    from .table import markdown

    logging.basicConfig(level=logging.INFO)
    print(markdown(TITLE, measure()))
