"""Temporal smoothing: faults added to clean clips, taken out again, and compared with the clean clips pixel by pixel.

SONIC_SMOOTHING_METHODS: methods to measure (ema,flow_ema,median3).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sonic_core.frames import FrameStream
from sonic_core.judging.face_tracker import MeshTracker
from sonic_core.judging.mouth_track import track_mouth
from sonic_core.smoothing.methods import METHODS

from .smoothing_clips import CHUNK, FAULTS, Clip, Frames, clips
from .table import Row

TITLE = "Temporal smoothing (512, strength 0.5)"
STRENGTH = 0.5
FLICKERS = ("brightness", "patches", "grain")
STRICT = ("ema", "flow_ema")
"""Methods that must reach the targets; median3 takes out single flashes only."""
FPS_TARGET = {"ema": 25.0, "flow_ema": 10.0}
REMOVED_TARGET, EDGE_TARGET = 60.0, 1.5
VISIBLE_STEP = 0.25
"""Luma levels: smaller steps from frame to frame cannot be seen, and no step at a chunk's edge need be compared with them."""
MOVING = 12
"""Luma levels from one frame to the next that make an edge a moving one."""
UPPER_LID, LOWER_LID, EYE_CORNERS = (159, 386), (145, 374), (33, 263)
LIPS, EYES = (61, 291, 0, 17, 199), (33, 133, 362, 263, 159, 386, 145, 374)


@dataclass(frozen=True)
class Face:
    """What the mesh sees in a clip: lip opening `[T]` and lid opening `[T]` per eye distance, landmarks of the last frame."""

    lips: NDArray[np.float32]
    lids: NDArray[np.floating]
    landmarks: NDArray[np.float32]


def measure() -> list[Row]:
    methods = os.environ.get("SONIC_SMOOTHING_METHODS", ",".join(name for name in METHODS if name != "none")).split(",")
    rows: list[Row] = []
    for clip in clips():
        for method in methods:
            rows += clip_rows(clip, method)
    return rows


def clip_rows(clip: Clip, method: str) -> Iterator[Row]:
    title = f"{clip.name}, {method}"
    # In place, nothing can be averaged while the whole picture moves.
    strict = method in STRICT and not (clip.pans and method == "ema")
    for name in FLICKERS:
        faulty = FAULTS[name](clip.frames)
        calmed = smoothed(method, faulty)
        removed = 100 * (1 - difference(calmed, clip.frames) / difference(faulty, clip.frames))
        # Grain on what is uncovered or changes its shape has no other frame to be averaged with.
        target = REMOVED_TARGET if strict and not (name == "grain" and (clip.speaks or clip.pans)) else None
        yield Row(f"{title}: {name} flicker removed, rms", removed, "%", target, at_least=True)
        edges = at_edges(calmed, faulty, clip.frames)
        yield Row(f"{title}: {name} removed near moving edges", edges, "%", 0 if strict else None, at_least=True)
        if name == "brightness" and clip.speaks:
            yield from face_rows(title, clip, calmed)
    for name in ("strobe", "coloured strobe"):
        faulty = FAULTS[name](clip.frames)
        calmed = smoothed(method, faulty)
        yield Row(f"{title}: {name}, step at edges before", edge_ratio(faulty, clip.frames), "x")
        yield Row(
            f"{title}: {name}, step at edges", edge_ratio(calmed, clip.frames), "x", EDGE_TARGET if strict else None
        )
        yield Row(
            f"{title}: {name}, unrest removed",
            100 * (1 - unrest(calmed, clip.frames) / unrest(faulty, clip.frames)),
            "%",
        )
    started = time.process_time()
    untouched = smoothed(method, clip.frames)
    spent = time.process_time() - started
    yield Row(f"{title}: clean clip, PSNR", psnr(untouched, clip.frames), "dB", 45, at_least=True)
    yield Row(
        f"{title}: clean clip, error near moving edges",
        edge_error(untouched, clip.frames),
        "levels",
        1.0 if strict else None,
    )
    yield Row(f"{title}: CPU time", len(clip.frames) / spent, "fps", FPS_TARGET.get(method), at_least=True)


def smoothed(method: str, frames: Frames) -> Frames:
    return np.stack(list(METHODS[method](FrameStream.from_array(frames, 25), STRENGTH)))


# Against the clean clip


def difference(frames: Frames, clean: Frames) -> float:
    pairs = zip(frames, clean, strict=True)
    return float(np.sqrt(np.mean([np.mean((a.astype(np.float32) - b) ** 2) for a, b in pairs])))


def psnr(frames: Frames, clean: Frames) -> float:
    return float(20 * np.log10(255 / max(difference(frames, clean), 1e-3)))


def edge_error(frames: Frames, clean: Frames) -> float:
    """Root mean square error where the clean clip changes from a frame to the next, and 4 px around; 0 where nothing moves."""
    total, count = 0.0, 0
    for before, a, b in zip(clean, frames[1:], clean[1:], strict=False):
        moving = np.abs(luma(b) - luma(before)) > MOVING
        near = cv2.dilate(moving.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        total += float(((a.astype(np.float32) - b) ** 2)[near].sum())
        count += 3 * int(near.sum())
    return float(np.sqrt(total / max(count, 1)))


def at_edges(calmed: Frames, faulty: Frames, clean: Frames) -> float:
    """Percent of the fault removed there; less than 0 = ghosts are worse than the fault."""
    before = edge_error(faulty, clean)
    return 100 * (1 - edge_error(calmed, clean) / before) if before else 0.0


# Steps between chunks


def cells(frames: Frames, clean: Frames) -> NDArray[np.float32]:
    """What differs from the clean clip, in 16 x 16 cells and three channels: `[T, 16, 16, 3]`."""
    return np.stack(
        [
            cv2.resize(a.astype(np.float32) - b, (16, 16), interpolation=cv2.INTER_AREA)
            for a, b in zip(frames, clean, strict=True)
        ]
    )


def edge_ratio(frames: Frames, clean: Frames) -> float:
    """Step of a cell at the edges of chunks over its usual step, on top of what the clean clip does."""
    steps = np.sqrt(np.mean(np.diff(cells(frames, clean), axis=0) ** 2, axis=(1, 2, 3)))
    at_edge = np.arange(1, len(frames)) % CHUNK == 0
    return float(steps[at_edge].mean() / max(VISIBLE_STEP, np.median(steps[~at_edge])))


def unrest(frames: Frames, clean: Frames) -> float:
    """Standard deviation of a cell over time, on top of what the clean clip does."""
    return float(np.sqrt(np.mean(cells(frames, clean).var(axis=0))))


# Mouth and lids


def face_rows(title: str, clip: Clip, calmed: Frames) -> Iterator[Row]:
    clean, seen = face_of(clip.frames), face_of(calmed)
    blink = int(np.argmin(clean.lids))
    usual = float(np.median(clean.lids))
    depth = (usual - seen.lids[max(0, blink - 1) : blink + 2].min()) / (usual - clean.lids[blink])
    yield Row(f"{title}: mouth amplitude kept", 100 * float(seen.lips.std() / clean.lips.std()), "%", 95, at_least=True)
    yield Row(f"{title}: mouth pixels kept", 100 * kept(calmed, clip.frames, clean, LIPS, None), "%", 95, at_least=True)
    yield Row(f"{title}: lag of the mouth", abs(lag_ms(clean.lips, seen.lips)), "ms", 5)
    yield Row(f"{title}: blink depth kept", 100 * float(depth), "%", 90, at_least=True)
    yield Row(
        f"{title}: blink pixels kept", 100 * kept(calmed, clip.frames, clean, EYES, blink), "%", 90, at_least=True
    )


def face_of(frames: Frames) -> Face:
    tracker, lids, last = MeshTracker(), [], []

    def follow(frame: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        points = tracker(frame)
        if points is not None:
            gap = np.linalg.norm(points[list(UPPER_LID), :2] - points[list(LOWER_LID), :2], axis=1).mean()
            lids.append(gap / np.linalg.norm(np.subtract(*points[list(EYE_CORNERS), :2])))
            last[:] = [points]
        return points

    lips = track_mouth(FrameStream.from_array(frames, 25), follow).opening
    return Face(lips, np.array(lids), last[0])


def kept(calmed: Frames, clean: Frames, face: Face, points: tuple[int, ...], moment: int | None) -> float:
    """Share of the clean change of a region's pixels that is left: over the whole clip, or at one moment against the others."""
    place = face.landmarks[list(points), :2]
    (left, top), (right, bottom) = (
        np.floor(place.min(axis=0) - 8).astype(int),
        np.ceil(place.max(axis=0) + 8).astype(int),
    )
    a, b = (frames[:, top:bottom, left:right].astype(np.float32) for frames in (calmed, clean))
    usual = np.median(b, axis=0)
    if moment is not None:
        a, b = a[moment : moment + 1], b[moment : moment + 1]
    return float(((a - usual) * (b - usual)).sum() / ((b - usual) ** 2).sum())


def lag_ms(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Shift of `after` against `before`, from the slope: exact for small shifts of a smooth curve."""
    slope = np.gradient(before - before.mean())
    return float(-40 * (slope @ (after - before)) / (slope @ slope))


def luma(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
