"""What an engine is that performs while the sound arrives: a stage with the portrait on it, and performances of it.

`hear` is given sound in steps and says what the face does in every frame that is settled by then; a stage draws such a frame at any time.
Hearing and drawing are apart so that a slow machine can leave out pictures and never sound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..frames import Frame
from ..settings import Settings

HEARING_RATE = 16_000
"""Samples per second of the sound that performances hear."""
LIVE_SETTINGS = ("seed", "emotion", "emotion_strength", "dynamic_scale", "motion_scale")
"""Settings that may change while a performance runs; the others belong to its stage."""


@dataclass(frozen=True)
class Moment:
    """What the face does in one frame, final.  pose: for `Stage.draw`, of the engine's own kind.  speaking: a voice is heard in it."""

    pose: Any
    speaking: bool


class Performance(ABC):
    """One endless performance of a stage.  A frame is settled when the sound of `Stage.look_ahead` frames after it was heard.

    It begins as if `look_ahead` frames of silence had been heard: those come out first.
    """

    @abstractmethod
    def hear(self, sound: NDArray[np.float32]) -> list[Moment]:
        """Hear the next `Stage.step` frames or a multiple of them; returns the frames that this settles: as many, in order.

        sound: `[samples]` at 16 kHz within -1..1, zeros where nobody speaks.
        """

    @abstractmethod
    def adjust(self, settings: Settings) -> None:
        """Go on with other LIVE_SETTINGS, without a jump, from the next frame that is settled."""

    @abstractmethod
    def interrupt(self, unshown: int) -> None:
        """Forget the last `unshown` of the frames that were returned and the sound beyond; `look_ahead` frames of silence take its place.

        The next frame that `hear` returns takes the place of the first one forgotten; at the second the mouth is at rest.
        """


class Stage(ABC):
    """A portrait made ready by an engine; holds nothing of a performance, so that many can share it, also side by side in threads.

    width, height: of the frames, px.  fps: frames per second.  step: frames whose sound is heard at a time.
    look_ahead: frames after a frame whose sound settles it.  notes: what this portrait cannot do, in plain words.
    """

    width: int
    height: int
    fps: float
    step: int
    look_ahead: int
    notes: tuple[str, ...] = ()

    @abstractmethod
    def perform(self, settings: Settings) -> Performance:
        """Begin a performance in the picture's own pose; reads LIVE_SETTINGS."""

    @abstractmethod
    def draw(self, pose: Any) -> Frame:
        """The frame of a `Moment.pose`: RGB uint8 `[height, width, 3]`."""
