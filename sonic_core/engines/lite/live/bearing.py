"""Head, brows, gaze, lids and emotion of a live performance: the rules of motion_rules.py for frames that come one after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....settings import Settings
from ..emotion import FACES, heard_in, laid_over, swelling
from ..motion_rules import (
    EASE_IN,
    SACCADE_FROM,
    SHORTEST_FIXATION,
    SMOOTHING,
    eyes_against_head,
    gaze_against_head,
    scaled,
)
from ..parameters import PARAMETER_INDEX, clamp
from ..prosody import Prosody
from .lids import Lids

FPS = 25.0
Track = NDArray[np.float32]

REACH = 6
"""Frames that smoothing looks back."""
WISH_BEHIND = 3  # frames over which the wish of where to look is averaged, besides those ahead
EASE = 0.2
"""s after which a changed setting has come half of its way."""
GAZE = ("gaze_x", "gaze_y")


class Eased:
    """A value that follows its target without a jump of value or speed: two poles."""

    def __init__(self, value: float = 0.0) -> None:
        self.target = self._first = self._second = value

    def next(self) -> float:
        """The value of the next frame."""
        share = 1 - np.exp(-1.68 / (EASE * FPS))  # two poles reach half their way after 1.68 time constants
        self._first += share * (self.target - self._first)
        self._second += share * (self._first - self._second)
        return self._second


class Bearing:
    """Settled frames in, the same frames with everything but the mouth as it is shown out."""

    def __init__(self, settings: Settings) -> None:
        self._lids = Lids(np.random.default_rng([settings.seed, 1]))
        self._emotions = {name: Eased() for name in FACES}
        self._dynamic, self._motion = Eased(settings.dynamic_scale), Eased(settings.motion_scale)
        self._looked = np.zeros((REACH, 2), np.float32)  # where the eyes rested in the last frames
        self._held, self._since = np.zeros(2, np.float32), 0
        self._shown = 0
        self.adjust(settings)

    def adjust(self, settings: Settings) -> None:
        """Go over to other settings."""
        self._settings = settings
        self._dynamic.target, self._motion.target = settings.dynamic_scale, settings.motion_scale

    def settle(self, track: Track, first: int, count: int, prosody: Prosody, pause: NDArray[np.bool_]) -> Track:
        """Frames `first` to `first + count` of a window `[W, P]`, final.  prosody, pause: of the window."""
        window = self._in_fixations(track, first, count)
        shown = self._smoothed(window, first, count)
        self._set_emotion(prosody)
        swell = swelling(prosody.loudness, FPS)
        for i in range(count):
            row = shown[i : i + 1]
            time = min(1.0, self._shown / FPS / EASE_IN)
            for name in SMOOTHING:
                row[:, PARAMETER_INDEX[name]] *= time * time * (3 - 2 * time)
            motion_scale = self._motion.next()
            row = eyes_against_head(row, motion_scale)
            wish = float(track[first + i, PARAMETER_INDEX["blink_l"]])
            row[:, [PARAMETER_INDEX["blink_l"], PARAMETER_INDEX["blink_r"]]] = self._lids.next(
                wish, bool(pause[first + i]), 1 / FPS
            )
            amounts = {name: eased.next() for name, eased in self._emotions.items()}
            row = laid_over(row, amounts, swell[first + i : first + i + 1])
            shown[i] = clamp(scaled(clamp(row), self._dynamic.next(), motion_scale))[0]
            self._shown += 1
        return shown

    def _in_fixations(self, track: Track, first: int, count: int) -> Track:
        """Eyes rest and jump; the window from `first - REACH` on."""
        gaze = [PARAMETER_INDEX[name] for name in GAZE]
        wish = track[:, gaze] - gaze_against_head(track)
        looked = np.empty((len(track) - first, 2), np.float32)
        held, since = self._held, self._since
        for i in range(len(looked)):
            place = first + i
            target = wish[max(0, place - WISH_BEHIND) : place + 3].mean(0)
            if since >= round(SHORTEST_FIXATION * FPS) and np.hypot(*(target - held)) > SACCADE_FROM:
                held, since = target, 0
            looked[i], since = held, since + 1
            if i == count - 1:
                self._held, self._since = held, since
        window = track[first - REACH :].copy()
        window[:, gaze] = np.concatenate([self._looked, looked])
        self._looked = window[count : count + REACH, gaze]
        return window

    def _smoothed(self, window: Track, first: int, count: int) -> Track:
        """Without jitter; a frame sees REACH before it and what is drafted after all of them."""
        shown = window[REACH : REACH + count].copy()
        ahead = len(window) - REACH - count
        for name, sigma in SMOOTHING.items():
            column = PARAMETER_INDEX[name]
            weights = np.exp(-0.5 * (np.arange(-REACH, ahead + 1) / (sigma * FPS)) ** 2)
            weights /= weights.sum()
            shown[:, column] = np.convolve(window[:, column], weights[::-1], "valid")[:count]
        return shown

    def _set_emotion(self, prosody: Prosody) -> None:
        settings = self._settings
        mixture = heard_in(prosody) if settings.emotion == "auto" else {settings.emotion: 1.0}
        for name, eased in self._emotions.items():
            eased.target = settings.emotion_strength * mixture.get(name, 0.0)
