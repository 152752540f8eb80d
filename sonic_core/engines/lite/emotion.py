"""Emotion in the face: brows, lids, lip corners and the bearing of the head, on top of speech, never against its closures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...curves import gaussian, smoothstep
from ...errors import SettingsError
from ...settings import EMOTIONS
from .parameters import PARAMETER_INDEX
from .prosody import Curve, Prosody

# Offsets at strength 1, after the Facial Action Coding System's prototypes (Ekman and Friesen 1978), as far as the renderer has
# them: AU12 smile and AU6 narrowed lids; AU15+1 droop and a lowered head; AU4+7+23 frown, lids, pressed lips; AU1+2+5+26.
# As large as it takes to be recognised at the default strength of 0.6 on a face of 200 px.
FACES: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": {"smile": 0.85, "brow": 0.15, "lids": 0.14, "pitch": 1.5, "roll": 1.0},
    "sad": {"smile": -0.55, "brow": 0.14, "lids": 0.28, "pitch": -5.0, "roll": 2.0, "gaze_y": 0.25},
    "angry": {"smile": -0.2, "brow": -0.65, "lids": 0.2, "pitch": -2.5, "press": 0.25},
    "surprised": {"brow": 1.0, "lids": 0.0, "pitch": 2.2, "jaw": 0.03, "ty": -0.01},
}
EASE_IN = 0.6  # s
AMPLITUDE = {"happy": 1.1, "sad": 0.7, "angry": 1.1, "surprised": 1.2}
"""What an emotion does to the size of head motion."""
_OPENING = ("jaw",)


@dataclass(frozen=True)
class Emotion:
    """name: one of EMOTIONS; auto = as lively as the voice sounds.  strength: 0 to 1."""

    name: str = "neutral"
    strength: float = 0.6

    def __post_init__(self) -> None:
        if self.name not in EMOTIONS:
            raise SettingsError(f"emotion is {self.name!r}; expected one of {', '.join(EMOTIONS)}.")
        if not 0 <= self.strength <= 1:
            raise SettingsError(f"emotion strength is {self.strength}; expected 0 (none) to 1 (full).")


NEUTRAL = Emotion("neutral")


def with_emotion(track: NDArray[np.float32], emotion: Emotion, prosody: Prosody, fps: float) -> NDArray[np.float32]:
    """The track `[T, P]` with an emotion laid over it; "auto" takes what `heard_in` hears."""
    mixture = heard_in(prosody) if emotion.name == "auto" else {emotion.name: 1.0}
    time = np.arange(len(track)) / fps
    swell = smoothstep(time / EASE_IN).astype(np.float32) * swelling(prosody.loudness[: len(track)], fps)
    return laid_over(track, {name: emotion.strength * share for name, share in mixture.items()}, swell)


def swelling(loudness: Curve, fps: float) -> Curve:
    """An emotion grows a little with the voice: about 0.8 to 1, as long as the loudness."""
    return 0.8 + 0.2 * gaussian(loudness, 0.4 * fps, reach=3.5)


def laid_over(track: NDArray[np.float32], amounts: Mapping[str, float | Curve], swell: Curve) -> NDArray[np.float32]:
    """The track `[T, P]` with emotions by name.  amounts: 0 to 1, of the clip or of every frame.  swell: `[T]`, how much of them shows."""
    track = track.copy()
    closed = track[:, PARAMETER_INDEX["close"]]
    for name, amount in amounts.items():
        for key in ("yaw", "pitch", "roll"):
            track[:, PARAMETER_INDEX[key]] *= 1 + amount * (AMPLITUDE.get(name, 1.0) - 1)
        for key, offset in FACES[name].items():
            if key == "lids":
                for side in ("blink_l", "blink_r"):
                    lid = track[:, PARAMETER_INDEX[side]]
                    track[:, PARAMETER_INDEX[side]] = lid + (1 - lid) * amount * offset * swell
                continue
            part = amount * offset * swell
            track[:, PARAMETER_INDEX[key]] += part * (1 - 0.6 * closed) if key in _OPENING else part
    return track


def heard_in(prosody: Prosody) -> dict[str, float]:
    """How excited a voice is, as shares of emotions.  Excitement is all that a voice's melody tells reliably (Schuller 2018).

    A lively melody gives up to half happy, a wide and high one some surprise, a flat one up to four tenths sad.
    """
    voiced = prosody.voiced > 0
    if voiced.sum() < 25:
        return {"neutral": 1.0}
    spread = float(np.std(prosody.pitch[voiced]))  # octaves; read speech is near 0.2
    lively = float(np.clip((spread - 0.18) / 0.15, 0, 1))
    flat = float(np.clip((0.13 - spread) / 0.08, 0, 1))
    return {"happy": 0.5 * lively, "surprised": 0.15 * lively, "sad": 0.4 * flat}
