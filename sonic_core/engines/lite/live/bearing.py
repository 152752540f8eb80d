"""Head, brows, gaze, lids and emotion of a live performance: the rules of motion_rules.py for frames that come one after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....curves import smoothstep
from ....settings import Settings
from ..emotion import FACES, heard_in, laid_over, swelling
from ..motion_rules import EASE_IN, SACCADE_FROM, SHORTEST_FIXATION, eyes_against_head, gaze_against_head, scaled
from ..parameters import PARAMETER_INDEX, clamp
from ..prosody import Prosody
from .easing import FPS, Eased, Followed
from .lids import Lids

Track = NDArray[np.float32]

SMOOTHED = {
    "yaw": 0.08,
    "pitch": 0.06,
    "roll": 0.08,
    "tx": 0.08,
    "ty": 0.08,
    "brow": 0.04,
    "gaze_x": 0.01,
    "gaze_y": 0.01,
}
"""Time constants, s: windows of a tenth of a second join without jitter, saccades stay quick."""
COLUMNS = [PARAMETER_INDEX[name] for name in SMOOTHED]
LIDS = [PARAMETER_INDEX["blink_l"], PARAMETER_INDEX["blink_r"]]
GAZE = [PARAMETER_INDEX["gaze_x"], PARAMETER_INDEX["gaze_y"]]
WISH_BEHIND, WISH_AHEAD = 3, 2
"""Frames over which the wish of where to look is averaged."""
BREATHS_PER_SECOND, BREATH_LIFT, BREATH_NOD = 0.23, 0.004, 0.25
"""At rest people breathe 12 to 20 times a minute; IOD that the head rises, degrees that it nods."""


class Bearing:
    """Settled frames in, the same frames with everything but the mouth as it is shown out."""

    def __init__(self, settings: Settings) -> None:
        self._lids, self._settings = Lids(_lids_of(settings.seed)), settings
        self._emotions = {name: Eased() for name in FACES}
        self._dynamic, self._motion = Eased(settings.dynamic_scale), Eased(settings.motion_scale)
        self._smooth = Followed(list(SMOOTHED.values()))
        self._held, self._since = np.zeros(2, np.float32), 0  # where the eyes rest, for how many frames
        self._shown = 0
        self.adjust(settings)

    def adjust(self, settings: Settings) -> None:
        """Go over to other settings."""
        if settings.seed != self._settings.seed:
            self._lids.reseed(_lids_of(settings.seed))
        self._settings = settings
        self._dynamic.target, self._motion.target = settings.dynamic_scale, settings.motion_scale

    def settle(self, track: Track, first: int, count: int, prosody: Prosody, pause: NDArray[np.bool_]) -> Track:
        """Frames `first` to `first + count` of a window `[W, P]`, final.  prosody, pause: of the window."""
        shown = track[first : first + count].copy()
        wish = track[:, GAZE] - gaze_against_head(track)
        self._set_emotion(prosody)
        swell = swelling(prosody.loudness, FPS)
        for i in range(count):
            place = first + i
            row = shown[i : i + 1]
            row[:, GAZE] = self._looked(wish[max(0, place - WISH_BEHIND) : place + WISH_AHEAD + 1].mean(0))
            row[:, COLUMNS] = self._eased_in(self._smooth.next(row[0, COLUMNS]))
            motion_scale = self._motion.next()
            row = eyes_against_head(self._breathing(row), motion_scale)
            row[:, LIDS] = self._lids.next(float(row[0, LIDS[0]]), bool(pause[place]), 1 / FPS)
            shares = {name: eased.next() for name, eased in self._emotions.items()}
            row = laid_over(row, {name: share for name, share in shares.items() if share}, swell[place : place + 1])
            shown[i] = clamp(scaled(clamp(row), self._dynamic.next(), motion_scale))[0]
            self._shown += 1
        return shown

    def _looked(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where the eyes rest in the scene: they stay, then jump to where the network has come to want them."""
        if self._since >= round(SHORTEST_FIXATION * FPS) and np.hypot(*(target - self._held)) > SACCADE_FROM:
            self._held, self._since = target, 0
        self._since += 1
        return self._held

    def _eased_in(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """From the picture's own pose into motion."""
        return values * float(smoothstep(self._shown / FPS / EASE_IN))

    def _breathing(self, row: Track) -> Track:
        """The head rises and falls with the breath, a little unevenly."""
        time = self._shown / FPS
        breath = np.sin(2 * np.pi * BREATHS_PER_SECOND * time + 0.6 * np.sin(0.31 * time))
        row[:, PARAMETER_INDEX["ty"]] -= BREATH_LIFT * breath
        row[:, PARAMETER_INDEX["pitch"]] += BREATH_NOD * breath
        return row

    def _set_emotion(self, prosody: Prosody) -> None:
        settings = self._settings
        mixture = heard_in(prosody) if settings.emotion == "auto" else {settings.emotion: 1.0}
        for name, eased in self._emotions.items():
            eased.target = settings.emotion_strength * mixture.get(name, 0.0)


def _lids_of(seed: int) -> np.random.Generator:
    """Chance of the lids, beside that of the motion."""
    return np.random.default_rng([seed, 1])
