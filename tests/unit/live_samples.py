"""A stage without networks and a clock without waiting: what the tests of the live room use."""

from __future__ import annotations

import numpy as np

from sonic_core.engines.streaming import Moment, Performance, Stage

FPS, FRAME = 25, 640


class LoudnessPerformance(Performance):
    """The pose is the loudest sample of the frame; after an interruption nothing is left of what was heard."""

    def __init__(self, stage):
        self.stage, self.heard, self.settings = stage, [0.0] * stage.look_ahead, []
        self.interrupted = []

    def hear(self, sound):
        assert len(sound) % (self.stage.step * FRAME) == 0
        self.stage.heard_at_once.append(len(sound) // FRAME)
        self.heard += [float(np.abs(part).max()) for part in sound.reshape(-1, FRAME)]
        ready = len(self.heard) - self.stage.look_ahead
        settled, self.heard = self.heard[:ready], self.heard[ready:]
        return [Moment(loudest, loudest > 0.05) for loudest in settled]

    def adjust(self, settings):
        self.settings.append(settings)

    def interrupt(self, unshown):
        self.interrupted.append(unshown)
        self.heard = [0.0] * self.stage.look_ahead


class LoudnessStage(Stage):
    """Draws a grey as light as the frame is loud.  clock: moves on by `costs` s for every picture."""

    width, height, fps, step, look_ahead = 6, 4, float(FPS), 2, 2

    def __init__(self, clock=None, costs=0.0):
        self.clock, self.costs, self.drawn = clock, costs, 0
        self.performances, self.heard_at_once = [], []

    def perform(self, settings):
        self.performances.append(LoudnessPerformance(self))
        return self.performances[-1]

    def draw(self, pose):
        self.drawn += 1
        if self.clock:
            self.clock.time += self.costs
        return np.full((self.height, self.width, 3), round(255 * min(1, pose)), np.uint8)


class QuickClock:
    """Time passes only when it is waited for or work is said to take some."""

    def __init__(self):
        self.time = 100.0

    def now(self):
        return self.time

    def wait(self, seconds, closed):
        self.time += seconds


def tone(seconds, rate=16_000, level=0.5):
    return (level * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)
