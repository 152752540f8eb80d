"""Quality of a finished clip in figures: sync, closures, flicker, sharpness, identity, blinks, head motion, steps of brightness."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ..audio.clip import AudioClip
from ..frames import Frame, FrameStream
from ..portrait.head_pose import head_pose
from ..progress import Progress, ignore
from .alignment import SyncReport, compare
from .audio_opening import CURVE_RATE, predict_opening
from .face_tracker import MeshTracker
from .luma_evening import brightness_step
from .mouth_track import FaceTracker, eye_distance, track_mouth
from .sharpness import cpbd

CELLS = 96  # px: the small picture in which brightness is compared
SHARPNESS_FRAMES = 12  # per clip; sharpness changes slowly
# Points that lips, lids and jaw leave alone: bridge and wings of the nose, eye corners, temples, forehead.
STEADY = (6, 168, 197, 195, 5, 4, 98, 327, 33, 133, 362, 263, 127, 356, 10, 109, 338, 151)
CHEEKS = (50, 280, 118, 347, 101, 330)
LIDS = ((159, 145, 33, 133), (386, 374, 362, 263))
BASELINE, SHORTEST_BLINK, LONGEST_BLINK = 0.6, 0.07, 0.5  # s: half the window of the usual opening, the dip's length
SMALLEST_DIP, DIP_OVER_UNREST = 0.05, 3.0  # of the usual opening; of its robust deviation
STEP_SEEN = 1.5  # luma levels that a picture jumps by and a viewer sees
# A closure that can be heard: the predicted opening falls under LOW and rises over HIGH on both sides within REACH.
LOW, HIGH, REACH, SLACK = 0.2, 0.45, 0.2, 0.08
CLOSED = 0.25  # of the mouth's usual range


@dataclass(frozen=True)
class ClipQuality:
    """Figures of one clip; NaN where something could not be measured.

    sync_offset_ms: positive = sound late against the mouth, with sync_confidence 0-1.  closures_heard: short closures (as of p, b, m)
    that the sound suggests, closure_rate: share of them in which the seen mouth closes.  flicker: standard deviation of the picture's
    brightness from frame to frame, luma levels.  luma_steps: frames at which it jumps by more than 1.5 levels.  sharpness: CPBD, 0-1.
    geometry_drift: largest departure of the steady landmarks from the first frame's, per eye distance, head pose taken out.
    colour_drift: largest Lab distance of the cheeks from the first frame's.  blinks_per_minute.  yaw, pitch, roll_range: degrees between
    the 2nd and 98th percentile.  head_travel: the same of the face's place, per eye distance.  found_share: frames with a face.
    curves: what is plotted, by name: values one per frame.
    """

    seconds: float
    frames: int
    sync_offset_ms: float
    sync_confidence: float
    closures_heard: int
    closure_rate: float
    flicker: float
    luma_steps: tuple[int, ...]
    sharpness: float
    geometry_drift: float
    colour_drift: float
    blinks_per_minute: float
    yaw_range: float
    pitch_range: float
    roll_range: float
    head_travel: float
    found_share: float
    notes: tuple[str, ...] = ()
    curves: dict[str, NDArray[np.floating]] = field(default_factory=dict, repr=False)


def measure_quality(
    frames: FrameStream, audio: AudioClip | None, progress: Progress = ignore, tracker: FaceTracker | None = None
) -> ClipQuality:
    """One pass over the frames; keeps some hundred bytes per frame."""
    witness = _Witness(tracker or MeshTracker(), len(frames))
    track = track_mouth(frames, witness, progress)
    sync: SyncReport | None = None
    if audio is not None:
        sync = compare(track, predict_opening(audio, min(frames.duration, audio.duration)), audio)
    heard, closed = closures(sync) if sync else (0, 0)
    steps = np.array(witness.steps)
    poses = _column(witness.poses, 3)
    lids = np.array(witness.lids)
    offset = sync.offset_ms if sync and sync.trusted else float("nan")
    return ClipQuality(
        seconds=frames.duration,
        frames=len(frames),
        sync_offset_ms=offset,
        sync_confidence=sync.confidence if sync else float("nan"),
        closures_heard=heard,
        closure_rate=closed / heard if heard else float("nan"),
        flicker=float(steps[1:].std()) if len(steps) > 2 else float("nan"),
        luma_steps=tuple(np.flatnonzero(np.abs(steps) > STEP_SEEN).tolist()),
        sharpness=_mean(witness.sharpness),
        geometry_drift=_largest(witness.geometry),
        colour_drift=_largest(witness.colour),
        blinks_per_minute=60 * count_blinks(lids, frames.fps) / frames.duration,
        yaw_range=_range(poses[:, 0]),
        pitch_range=_range(poses[:, 1]),
        roll_range=_range(poses[:, 2]),
        head_travel=float(np.hypot(*(_range(column) for column in _column(witness.places, 2).T))),
        found_share=track.found_share,
        notes=sync.notes if sync else ("There is no sound: sync and closures were not measured.",),
        curves={
            "mouth opening (eye distances)": track.opening,
            "lid opening (of the usual)": lids / np.nanmedian(lids) if np.isfinite(lids).any() else lids,
            "yaw (degrees)": poses[:, 0],
            "pitch (degrees)": poses[:, 1],
            "brightness step (luma levels)": steps,
            "colour of the cheeks (Lab distance)": np.array(witness.colour),
        },
    )


def closures(sync: SyncReport) -> tuple[int, int]:
    """How many short closures the sound suggests, and in how many of them the seen mouth closes."""
    predicted, seen = sync.predicted / max(1e-6, float(np.quantile(sync.predicted, 0.95))), sync.seen
    low, high = np.quantile(seen, (0.02, 0.95))
    reach, slack = round(REACH * CURVE_RATE), round(SLACK * CURVE_RATE)
    shift = round(-sync.offset_ms / 1000 * CURVE_RATE) if sync.trusted else 0
    heard = closed = 0
    for i in range(reach, len(predicted) - reach):
        around = predicted[i - reach : i + reach + 1]
        if predicted[i] > LOW or predicted[i] != around.min() or around.argmin() != reach:
            continue
        if min(around[:reach].max(), around[reach + 1 :].max()) < HIGH:
            continue
        place = i + shift
        mouth = seen[max(0, place - slack) : max(0, place + slack + 1)]
        if len(mouth):
            heard += 1
            closed += bool(mouth.min() <= low + CLOSED * (high - low))
    return heard, closed


def count_blinks(lids: NDArray[np.floating], fps: float) -> int:
    """Short dips of the lid opening under its own running median; longer ones are closed eyes or a glance down.

    The mesh follows lids timidly (a full blink may show as a dip of a tenth), so that the clip's own unrest sets the threshold.
    """
    known = np.isfinite(lids)
    if not known.any():
        return 0
    whole = np.interp(np.arange(len(lids)), np.flatnonzero(known), lids[known])
    reach = max(1, round(BASELINE * fps))
    usual = np.array([np.median(whole[max(0, i - reach) : i + reach + 1]) for i in range(len(whole))])
    dip = 1 - whole / np.maximum(usual, 1e-6)
    unrest = 1.4826 * float(np.median(np.abs(dip - np.median(dip))))
    shut = np.concatenate([[False], dip > max(SMALLEST_DIP, DIP_OVER_UNREST * unrest), [False]])
    edges = np.flatnonzero(shut[1:] != shut[:-1])
    lengths = (edges[1::2] - edges[::2]) / fps
    return int(((lengths >= SHORTEST_BLINK) & (lengths <= LONGEST_BLINK)).sum())


class _Witness:
    """A face tracker that writes down, on the way, all that the report needs of each frame."""

    def __init__(self, tracker: FaceTracker, count: int) -> None:
        self.tracker = tracker
        self.every = max(1, count // SHARPNESS_FRAMES)
        self.small: NDArray[np.float32] | None = None
        self.first: NDArray[np.float32] | None = None
        self.first_colour: NDArray[np.float32] | None = None
        self.steps: list[float] = []
        self.sharpness: list[float] = []
        self.geometry: list[float] = []
        self.colour: list[float] = []
        self.lids: list[float] = []
        self.poses: list[tuple[float, float, float]] = []
        self.places: list[tuple[float, float]] = []

    def __call__(self, frame: Frame) -> NDArray[np.float32] | None:
        if len(self.steps) % self.every == 0:
            self.sharpness.append(cpbd(frame))
        last, self.small = self.small, cv2.cvtColor(_small(frame), cv2.COLOR_RGB2GRAY).astype(np.float32)
        self.steps.append(0.0 if last is None else brightness_step(last, self.small))
        landmarks = self.tracker(frame)
        if landmarks is None or not np.isfinite(landmarks).all():
            self._lost()
        else:
            self._seen(frame, np.asarray(landmarks, np.float32))
        return landmarks

    def _lost(self) -> None:
        for values in (self.geometry, self.colour, self.lids):
            values.append(float("nan"))
        self.poses.append((float("nan"),) * 3)
        self.places.append((float("nan"),) * 2)

    def _seen(self, frame: Frame, landmarks: NDArray[np.float32]) -> None:
        steady, colour = landmarks[list(STEADY)], _cheek_colour(frame, landmarks)
        if self.first is None:
            self.first, self.first_colour = landmarks, colour
        scale = eye_distance(self.first[:, :2])
        self.geometry.append(_departure(self.first[list(STEADY)], steady) / scale)
        self.colour.append(float(np.linalg.norm(colour - self.first_colour)))
        self.lids.append(float(np.mean([_opening(landmarks, *eye) for eye in LIDS])))
        pose = head_pose(landmarks)
        self.poses.append((pose.yaw, pose.pitch, pose.roll))
        self.places.append(tuple((steady[:, :2].mean(axis=0) / scale).tolist()))


def _small(frame: Frame) -> Frame:
    return cv2.resize(frame, (CELLS, CELLS), interpolation=cv2.INTER_AREA)


def _opening(landmarks: NDArray[np.float32], upper: int, lower: int, outer: int, inner: int) -> float:
    points = landmarks[:, :2]
    return float(np.hypot(*(points[upper] - points[lower])) / max(1.0, np.hypot(*(points[outer] - points[inner]))))


def _cheek_colour(frame: Frame, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median Lab of small patches on the cheeks."""
    reach = max(1, round(0.06 * eye_distance(landmarks[:, :2])))
    patches = []
    for x, y in np.round(landmarks[list(CHEEKS), :2]).astype(int):
        patch = frame[max(0, y - reach) : max(0, y + reach + 1), max(0, x - reach) : max(0, x + reach + 1)]
        if patch.size:
            patches.append(patch.reshape(-1, 3))
    if not patches:
        return np.full(3, np.nan, np.float32)
    pixels = np.concatenate(patches).astype(np.float32)[None] / 255
    return np.median(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[0], axis=0)


def _departure(first: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    """Root mean square distance after the best turn, scale and shift in space (Umeyama 1991), in px of `first`."""
    a, b = first - first.mean(axis=0), now - now.mean(axis=0)
    u, s, vt = np.linalg.svd(b.T @ a)
    turn = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float((s * np.diag(turn)).sum() / max(1e-9, (b**2).sum()))
    return float(np.sqrt(((scale * b @ (u @ turn @ vt) - a) ** 2).sum(axis=1).mean()))


def _column(values: list[tuple[float, ...]], width: int) -> NDArray[np.float64]:
    return np.array(values, float).reshape(-1, width)


def _range(values: NDArray[np.floating]) -> float:
    known = values[np.isfinite(values)]
    return float(np.subtract(*np.quantile(known, (0.98, 0.02)))) if len(known) else float("nan")


def _largest(values: list[float]) -> float:
    """The 98th percentile: one bad reading is not a drift."""
    known = np.array([value for value in values if np.isfinite(value)])
    return float(np.quantile(known, 0.98)) if len(known) else float("nan")


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
