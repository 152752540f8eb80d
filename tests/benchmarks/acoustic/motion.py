"""The acoustic motion driver: from sound to animation parameters by rule, deterministic, with nothing learned.

It is the baseline that learned motion has to beat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.resampling import to_mono_16k
from sonic_core.engines.lite.lip_parting import parted_as_heard
from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETERS, clamp
from sonic_core.progress import Progress, ignore
from sonic_core.settings import Settings

from .features import FRAME_RATE, band_spectrum
from .filters import moving_max, moving_min, smooth
from .lip_gestures import LipGestures, read_lip_gestures
from .liveliness import Prosody, add_liveliness

FPS = 25.0
JAW_IN_SPEECH = 0.46  # of the jaw's range at the most open vowel
REST_IN_SPEECH = 0.45  # a picture's own opening is half closed while it speaks
BREATHING_PAUSE = 0.7  # s; in shorter pauses the face does not fall back into the picture's smile
LIP_SMOOTHING = 0.018  # s
CLOSURE_REACH = 7  # analysis frames (35 ms) over which the tightest moment of a closure counts for a video frame


@dataclass(frozen=True)
class Spoken:
    """What the rules hear: gestures of the lips at 200 Hz, for so many frames of video."""

    gestures: LipGestures
    frame_count: int


class AcousticMotion:
    """The rules behind the same two calls as learned motion (motion.py)."""

    def listen(self, clip: AudioClip, frame_count: int, progress: Progress = ignore) -> Spoken:
        """Hear the recording; after its end there is silence."""
        heard = Spoken(read_lip_gestures(band_spectrum(to_mono_16k(clip))), frame_count)
        progress("audio", 1, 1)
        return heard

    def move(
        self, heard: Spoken, settings: Settings, progress: Progress = ignore, fps: float = FPS
    ) -> NDArray[np.float32]:
        """Motion track `[T, P]`; reads `dynamic_scale` (mouth and expression), `motion_scale` (head) and `seed`."""
        gestures, frame_count = heard.gestures, heard.frame_count
        track = mouth_track(gestures, frame_count, fps, settings.dynamic_scale)
        prosody = Prosody(sampled(gestures.voice, frame_count, fps), sampled(gestures.stress, frame_count, fps), fps)
        track = add_liveliness(track, prosody, settings.seed, settings.motion_scale, settings.dynamic_scale)
        progress("sampling", 1, 1)
        return clamp(track)


def acoustic_motion(
    clip: AudioClip, frame_count: int, settings: Settings, fps: float = FPS, progress: Progress = ignore
) -> NDArray[np.float32]:
    """Animation parameters [frame_count, P]; row i shows the face at i / fps seconds of the recording, neutral after its end."""
    motion = AcousticMotion()
    return motion.move(motion.listen(clip, frame_count, progress), settings, progress, fps)


def mouth_track(gestures: LipGestures, frame_count: int, fps: float, scale: float) -> NDArray[np.float32]:
    """Mouth parameters [frame_count, P] for gestures at 200 Hz; `scale` is the amplitude of everything but closures."""

    def at_frames(curve: NDArray[np.float32], sigma: float = LIP_SMOOTHING) -> NDArray[np.float32]:
        return sampled(smooth(curve, sigma), frame_count, fps)

    close = sampled(moving_max(gestures.close, CLOSURE_REACH), frame_count, fps)
    parted = 1 - close  # lips that touch are not pulled apart by anything
    opening, hiss = at_frames(gestures.open), at_frames(gestures.hiss)
    breath = round(BREATHING_PAUSE * FRAME_RATE)
    talking = moving_min(moving_max(gestures.voice, breath), breath)
    curves = {
        "jaw": scale * JAW_IN_SPEECH * opening,
        "pucker": scale * 0.75 * at_frames(gestures.round, 0.03),
        "stretch": scale * 0.5 * at_frames(gestures.spread, 0.03) * (0.4 + 0.6 * parted),
        "upraise": scale * (0.10 * opening + 0.14 * hiss) * parted,
        "lowdep": scale * (0.12 * opening + 0.26 * hiss) * parted,
        "tongue": np.minimum(scale, 1) * 0.8 * at_frames(gestures.tongue) * parted,
        "close": close,
        "press": min(scale, 1.0) * 0.6 * close,
        "rest": min(scale, 1.0) * REST_IN_SPEECH * at_frames(talking, 0.10),
    }
    track = np.zeros((frame_count, len(PARAMETERS)), np.float32)
    for name, curve in curves.items():
        track[:, PARAMETER_INDEX[name]] = curve
    return parted_as_heard(track)


def sampled(curve: NDArray[np.float32], frame_count: int, fps: float) -> NDArray[np.float32]:
    """A curve at 200 Hz, read at i / fps seconds; 0 after its end."""
    times = np.arange(frame_count) / fps
    return np.interp(times, np.arange(len(curve)) / FRAME_RATE, curve, right=0.0).astype(np.float32)
