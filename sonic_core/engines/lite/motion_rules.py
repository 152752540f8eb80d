"""What holds whatever a network says: closures, rest in silence, natural blinks, smooth motion, the user's scales, ranges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...curves import gaussian, running_maximum, smoothstep
from ...hearing.lip_motion import MOUTH, closures, rest_of_the_picture, speech_activity
from ...hearing.lip_reader import Articulation
from .blinks import BLINK_CLOSE, BLINK_INTERVAL, BLINK_LENGTH, SHORT_CLIP, blink_shape
from .parameters import PARAMETER_INDEX

Curve = NDArray[np.float32]
Track = NDArray[np.float32]

HEAD = ("yaw", "pitch", "roll", "tx", "ty")
EXPRESSION = ("brow",)
CLOSURE_TOLERANCE = 0.15  # how far the network may close the lips where no bilabial was heard
SMOOTHING = {
    "yaw": 0.06,
    "pitch": 0.05,
    "roll": 0.06,
    "tx": 0.06,
    "ty": 0.06,
    "brow": 0.04,
    "gaze_x": 0.02,
    "gaze_y": 0.02,
}
"""Seconds of Gaussian smoothing: keeps the head's velocity continuous at 25 fps, leaves saccades quick."""
GAZE_PER_YAW, GAZE_PER_PITCH = -1 / 14, 1 / 18  # gaze per degree that keeps looking at the same place, as in training
SACCADE_FROM = 0.14  # smaller shifts of interest move no eye
FIXATION_AHEAD, SHORTEST_FIXATION = 0.4, 0.28  # s
EASE_IN = 0.8  # s from the picture's own pose into motion
_CLOSED, _LIDS_FALLING = 0.45, BLINK_CLOSE  # a blink of the network counts from this lid closure on


def closed_on_bilabials(track: Track, heard: Articulation, fps: float) -> Track:
    """Lips shut for at least two frames at every bilabial, and nowhere else more than a little."""
    track = track.copy()
    wanted = closures(heard, len(track), fps)
    widely = running_maximum(heard.closure, 3)  # three states to either side
    heard_near = np.interp(_places(len(track), fps), np.arange(len(heard)), widely)
    close = track[:, PARAMETER_INDEX["close"]]
    track[:, PARAMETER_INDEX["close"]] = np.maximum(np.minimum(close, heard_near + CLOSURE_TOLERANCE), wanted)
    return track


def at_rest_in_silence(track: Track, heard: Articulation, fps: float) -> Track:
    """No mouth motion where nobody speaks: silence, noise, music without voice."""
    track = track.copy()
    speech = np.interp(_places(len(track), fps), np.arange(len(heard)), speech_activity(heard), right=0.0)
    for name in MOUTH:
        track[:, PARAMETER_INDEX[name]] *= speech
    track[:, PARAMETER_INDEX["rest"]] = rest_of_the_picture(heard, len(track), fps)
    return track


def blinking_naturally(track: Track, heard: Articulation, fps: float) -> Track:
    """Blinks where the network wants them, redrawn in natural shape, never closer than 2 s and never more than 6 s apart."""
    track = track.copy()
    left, right = PARAMETER_INDEX["blink_l"], PARAMETER_INDEX["blink_r"]
    lids = 0.5 * (track[:, left] + track[:, right])
    redrawn = np.zeros(len(track))
    for start in blink_times(lids, _pauses(heard, len(track), fps), fps):
        frames = np.arange(max(0, int(start * fps) - 1), min(len(track), int((start + BLINK_LENGTH) * fps) + 2))
        redrawn[frames] = np.maximum(redrawn[frames], blink_shape(frames / fps - start))
    track[:, left] = track[:, right] = redrawn
    return track


def blink_times(lids: Curve, pauses: NDArray[np.bool_], fps: float) -> list[float]:
    """When the lids begin to fall, s.  lids: the network's lid closure.  pauses: frames in which nobody speaks."""
    duration = len(lids) / fps
    room = BLINK_LENGTH
    shortest, longest = BLINK_INTERVAL
    above = lids > _CLOSED
    onsets = np.flatnonzero(above & ~np.r_[False, above[:-1]]) / fps - _LIDS_FALLING / 2
    wish = lids + 0.2 * pauses  # where one must be added: where the network nearly blinked, or in a pause
    times: list[float] = []

    def fill(until: float) -> None:
        while until - (times[-1] if times else -1.0) > longest:
            low = (times[-1] if times else 0.0) + shortest
            high = min((times[-1] if times else -1.0) + longest, until - shortest, duration - room)
            if high <= low:
                return
            candidates = np.arange(int(np.ceil(low * fps)), int(high * fps) + 1)
            if len(candidates) == 0:
                return
            middle = 1 - np.abs(np.linspace(-1, 1, len(candidates)))
            times.append(float(candidates[np.argmax(wish[candidates] + 0.05 * middle)]) / fps)

    for onset in onsets:
        if onset < 0.2 or onset + room > duration or (times and onset - times[-1] < shortest):
            continue
        fill(float(onset))
        if not times or onset - times[-1] >= shortest:
            times.append(float(onset))
    fill(duration + shortest)
    return times[:1] if duration < SHORT_CLIP else times


def looking_in_fixations(track: Track, fps: float) -> Track:
    """Eyes rest and jump, they never drift: the network's wish of where to look, held until it has moved on.

    The result is where they look in the scene; `eyes_against_head` turns them in the head.
    """
    track = track.copy()
    gaze = [PARAMETER_INDEX["gaze_x"], PARAMETER_INDEX["gaze_y"]]
    wish = track[:, gaze] - gaze_against_head(track)
    ahead, shortest = max(1, round(FIXATION_AHEAD * fps)), round(SHORTEST_FIXATION * fps)
    held, since = wish[:1].mean(0), 0
    looked = np.empty_like(wish)
    for i in range(len(wish)):
        next_target = wish[i : i + ahead].mean(0)
        if i - since >= shortest and np.hypot(*(next_target - held)) > SACCADE_FROM:
            held, since = next_target, i
        looked[i] = held
    track[:, gaze] = looked
    return track


def eyes_against_head(track: Track, motion_scale: float) -> Track:
    """While eyes rest they stay on their target against the head's turning (vestibulo-ocular reflex): as far as the head will turn."""
    track = track.copy()
    track[:, [PARAMETER_INDEX["gaze_x"], PARAMETER_INDEX["gaze_y"]]] += motion_scale * gaze_against_head(track)
    return track


def moving_smoothly(track: Track, fps: float) -> Track:
    """Head, brows and gaze without jitter, and eased in from the picture's own pose."""
    track = track.copy()
    time = np.arange(len(track)) / fps
    ease = smoothstep(time / EASE_IN)
    for name, sigma in SMOOTHING.items():
        column = PARAMETER_INDEX[name]
        track[:, column] = gaussian(track[:, column], sigma * fps, reach=3.5) * ease
    return track


def scaled(track: Track, dynamic_scale: float, motion_scale: float) -> Track:
    """The user's amplitudes: mouth and expression by one, head by the other; closures, blinks and gaze keep theirs."""
    track = track.copy()
    for name in (*MOUTH, *EXPRESSION):
        if name == "close":
            continue
        most = min(dynamic_scale, 1.0) if name in ("rest", "tongue", "fv", "press") else dynamic_scale
        track[:, PARAMETER_INDEX[name]] *= most
    for name in HEAD:
        track[:, PARAMETER_INDEX[name]] *= motion_scale
    return track


def gaze_against_head(track: Track) -> Track:
    """Gaze [T, 2] that makes up for yaw and pitch."""
    return track[:, [PARAMETER_INDEX["yaw"], PARAMETER_INDEX["pitch"]]] * np.array(
        [GAZE_PER_YAW, GAZE_PER_PITCH], np.float32
    )


def _pauses(heard: Articulation, frame_count: int, fps: float) -> NDArray[np.bool_]:
    silence = heard.sounding({"SIL": 1})
    return np.interp(_places(frame_count, fps), np.arange(len(heard)), silence, right=1.0) > 0.5


def _places(frame_count: int, fps: float) -> NDArray[np.float64]:
    """Index of the 50 Hz state that every frame shows."""
    return np.asarray(np.arange(frame_count) * (50 / fps), np.float64)
