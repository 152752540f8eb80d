"""Quality of a finished clip in figures: sync, closures, flicker, sharpness, identity, blinks, head motion, steps of brightness."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..frames import FrameStream
from ..portrait.networks import load_networks
from ..progress import Progress, ignore
from .audio_opening import CURVE_RATE
from .clip_witness import ClipWitness
from .face_tracker import MeshTracker
from .lid_track import LidReader, find_blinks
from .mouth_track import FaceTracker, MouthTrack, track_mouth
from .synchrony import SyncReport, compare

STEP_SEEN = 1.5  # luma levels that a picture jumps by and a viewer sees
# The mouth counts as closed when its opening falls this low in its range this near to the closure that is heard.  Measured: rendered clips
# reach 0.95 to 1 and fall to 0.3 to 0.4 when their lips are kept from closing; moments of speech taken at random give 0.2 to 0.4.
CLOSED, SLACK = 0.08, 0.04  # of the range; s
PIXELS_AGREE = (
    0.3  # correlation with the mesh from which the pixels are believed: they see lips meet that the mesh rounds off
)
DRIFT_WINDOW = 2.0  # s that a shape is averaged over, against the mesh's noise; a quarter of shorter clips
NO_SOUND = "There is no sound: sync and closures were not measured."


@dataclass(frozen=True)
class HeardSpeech:
    """What a recording says about the mouth.

    opening: [N] at CURVE_RATE, any scale.  loudness: [N] peak amplitude.  closures: moments (s) at which the lips meet (p, b, m).
    """

    opening: NDArray[np.float32]
    loudness: NDArray[np.float32]
    closures: tuple[float, ...]


@dataclass(frozen=True)
class ClipQuality:
    """Figures of one clip; NaN where something could not be measured.

    sync_offset_ms: positive = sound late against the mouth, with sync_confidence 0-1.  closures_heard: closures of the lips (p, b, m) in
    the sound, closure_rate: share of them at which the seen mouth closes, closures_missed: moments (s) of the others.
    flicker: standard deviation of the picture's brightness from frame to frame, luma levels.  luma_steps: frames at which it jumps by more
    than 1.5 levels.  sharpness: CPBD, 0-1 (see sharpness.py).
    geometry_drift: largest lasting departure of the steady landmarks (nose, eye corners, temples, forehead) from those at the clip's
    beginning, per eye distance, head pose taken out: about 0.01 for a face that stays itself, 0.02 and more when it grows 8 % wider.
    colour_drift: largest Lab distance of the cheeks from the first frame's.  blinks: their frames, and blinks_per_minute.
    yaw, pitch, roll_range: degrees between the 2nd and 98th percentile (yaw about a quarter small: the mesh is shallow).
    head_travel: the same of the face's place, per eye distance.
    found_share: frames with a face.  curves: what is plotted, by name: values one per frame.
    """

    seconds: float
    frames: int
    sync_offset_ms: float
    sync_confidence: float
    closures_heard: int
    closure_rate: float
    closures_missed: tuple[float, ...]
    flicker: float
    luma_steps: tuple[int, ...]
    sharpness: float
    geometry_drift: float
    colour_drift: float
    blinks: tuple[int, ...]
    blinks_per_minute: float
    yaw_range: float
    pitch_range: float
    roll_range: float
    head_travel: float
    found_share: float
    notes: tuple[str, ...] = ()
    curves: dict[str, NDArray[np.floating]] = field(default_factory=dict, repr=False)


def measure_quality(
    frames: FrameStream,
    heard: HeardSpeech | None,
    progress: Progress = ignore,
    tracker: FaceTracker | None = None,
) -> ClipQuality:
    """One pass over the frames; keeps some hundred bytes per frame.

    heard: of the sound from the first frame on, None = there is none.  tracker: source of landmarks, by default our face mesh.
    """
    networks = load_networks()
    witness = ClipWitness(tracker or MeshTracker(networks), LidReader(networks.iris), len(frames))
    track = track_mouth(frames, witness, progress)
    sync = _sync(track, frames, heard)
    lids = np.array(witness.lids)
    steps, colour = np.array(witness.steps), np.array(witness.colour)
    geometry = lasting_departure(np.array(witness.shapes), frames.fps)
    poses, places = np.array(witness.poses).reshape(-1, 3), np.array(witness.places).reshape(-1, 2)
    blinks = find_blinks(lids, frames.fps)
    closures = _inside(heard, frames) if heard and track.found_share else ()
    missed = missed_closures(track, closures, sync)
    return ClipQuality(
        seconds=frames.duration,
        frames=len(frames),
        sync_offset_ms=sync.offset_ms if sync and sync.trusted else float("nan"),
        sync_confidence=sync.confidence if sync else float("nan"),
        closures_heard=len(closures),
        closure_rate=1 - len(missed) / len(closures) if closures else float("nan"),
        closures_missed=missed,
        flicker=float(steps[1:].std()) if len(steps) > 2 else float("nan"),
        luma_steps=tuple(np.flatnonzero(np.abs(steps) > STEP_SEEN).tolist()),
        sharpness=_mean(np.array(witness.sharpness)),
        geometry_drift=_largest(geometry),
        colour_drift=_largest(colour),
        blinks=blinks,
        blinks_per_minute=60 * len(blinks) / frames.duration if np.isfinite(lids).any() else float("nan"),
        yaw_range=_range(poses[:, 0]),
        pitch_range=_range(poses[:, 1]),
        roll_range=_range(poses[:, 2]),
        head_travel=float(np.hypot(_range(places[:, 0]), _range(places[:, 1]))),
        found_share=track.found_share,
        notes=sync.notes if sync else (NO_SOUND,) if heard is None else (),
        curves={
            "mouth_opening": track.opening,
            "lid_opening": lids / np.nanmedian(lids) if np.isfinite(lids).any() else lids,
            "yaw": poses[:, 0],
            "pitch": poses[:, 1],
            "roll": poses[:, 2],
            "brightness_step": steps,
            "geometry_departure": geometry,
            "colour_departure": colour,
        },
    )


def missed_closures(
    track: MouthTrack, closures: tuple[float, ...], sync: SyncReport | None = None
) -> tuple[float, ...]:
    """Those of the heard closures (s) at which the seen mouth stays open, a trusted offset of the sound allowed for."""
    if not closures:
        return ()
    opening = track.pixels if track.agreement >= PIXELS_AGREE else track.opening
    known = np.flatnonzero(np.isfinite(opening))
    low, high = np.quantile(opening[known], (0.02, 0.95))
    missed = []
    for moment in closures:
        place = moment - (sync.offset_at(moment) / 1000 if sync and sync.trusted else 0)
        nearby = np.linspace(place - SLACK, place + SLACK, 11) * track.fps
        seen = np.interp(nearby, known, opening[known])
        if seen.min() > low + CLOSED * (high - low):
            missed.append(moment)
    return tuple(missed)


def lasting_departure(shapes: NDArray[np.floating], fps: float) -> NDArray[np.floating]:
    """[T] root mean square distance of the steady points' medians over about 2 s from those of the beginning.

    shapes: [T, N, 3] in eye distances, NaN where no face was seen.
    """
    seen = np.flatnonzero(np.isfinite(shapes).all(axis=(1, 2)))
    if len(seen) < 2:
        return np.full(len(shapes), np.nan)
    window = max(1, round(min(DRIFT_WINDOW * fps, len(seen) / 4)))
    starts = np.arange(0, len(seen) - window + 1, max(1, window // 4))
    medians = np.stack([np.median(shapes[seen[start : start + window]], axis=0) for start in starts])
    departure = np.sqrt(((medians - medians[0]) ** 2).sum(axis=2).mean(axis=1))
    return np.interp(np.arange(len(shapes)), seen[starts + window // 2], departure)


def _sync(track: MouthTrack, frames: FrameStream, heard: HeardSpeech | None) -> SyncReport | None:
    if heard is None:
        return None
    count = min(len(heard.opening), len(heard.loudness), round(frames.duration * CURVE_RATE))
    return compare(track, heard.opening[:count], heard.loudness[:count]) if count else None


def _inside(heard: HeardSpeech, frames: FrameStream) -> tuple[float, ...]:
    """The closures that lie within the picture."""
    return tuple(moment for moment in heard.closures if SLACK <= moment <= frames.duration - SLACK)


def _range(values: NDArray[np.floating]) -> float:
    known = values[np.isfinite(values)]
    return float(np.subtract(*np.quantile(known, (0.98, 0.02)))) if len(known) else float("nan")


def _largest(values: NDArray[np.floating]) -> float:
    """The 98th percentile: one bad reading is not a drift."""
    known = values[np.isfinite(values)]
    return float(np.quantile(known, 0.98)) if len(known) else float("nan")


def _mean(values: NDArray[np.floating]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
