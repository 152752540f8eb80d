"""The mouth as the finished frames show it: opening by the face mesh, opening by the pixels, and how much the mouth moves.

Post-processing leans on `sonic_core.portrait` for the face mesh, by design: the frames are judged by the same eyes that read the portrait,
and any other landmark source can be handed in as a `FaceTracker`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import Frame, FrameStream
from ..progress import Progress, ignore

FaceTracker = Callable[[Frame], "NDArray[np.floating] | None"]
"""Called with the frames of one clip in order; the 468 mesh landmarks `[468, 2 or 3]` in pixels, or None where no face is found."""

INNER_LIP_PAIRS = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402))
_UPPER_LIP, _LOWER_LIP = (0, 37, 267, 39, 269), (17, 84, 314, 181, 405)
_EYE_CORNERS = (33, 133, 362, 263)
_ROWS = 32
_PATCH = 40
_BLOCK = 1024
"""Frames whose colours are compared at once."""


@dataclass(frozen=True)
class MouthTrack:
    """Curves `[T]`, one value per frame; frame i shows the mouth at i / fps seconds.

    opening: best estimate of the inner lip gap / eye distance, gaps filled.  mesh, pixels: the two witnesses, NaN where the face is lost
    (pixels all NaN when the picture does not allow it).  motion: mean luma change of the mouth patch from the frame before, 0-255.
    found: bool, face seen.  agreement: correlation of the two witnesses, NaN without the second.
    """

    fps: float
    opening: NDArray[np.float32]
    mesh: NDArray[np.float32]
    pixels: NDArray[np.float32]
    motion: NDArray[np.float32]
    found: NDArray[np.bool_]
    agreement: float

    @property
    def found_share(self) -> float:
        return float(self.found.mean()) if len(self.found) else 0.0


def track_mouth(frames: FrameStream, tracker: FaceTracker, progress: Progress = ignore) -> MouthTrack:
    """Follow the mouth through the frames in one pass; keeps about half a kilobyte per frame and no picture."""
    count = len(frames)
    mesh = np.full(count, np.nan, np.float32)
    heights = np.full(count, np.nan, np.float32)
    motion = np.zeros(count, np.float32)
    strips = np.zeros((count, len(_UPPER_LIP), _ROWS, 3), np.uint8)
    last_patch: NDArray[np.float32] | None = None
    for i, frame in enumerate(frames):
        landmarks = tracker(frame)
        if landmarks is None or not np.isfinite(landmarks).all():
            last_patch = None
        else:
            points = np.asarray(landmarks, np.float32)[:, :2]
            mesh[i], heights[i] = _gaps(points)
            strips[i] = _lip_strip(frame, points)
            patch = _mouth_patch(frame, points)
            if last_patch is not None:
                motion[i] = float(np.mean(np.abs(patch - last_patch)))
            last_patch = patch
        progress("mouth", i + 1, count)
    found = np.isfinite(mesh)
    pixels = _foreign_run(strips, heights, mesh, found)
    opening, agreement = _combine(mesh, pixels, found)
    return MouthTrack(frames.fps, opening, mesh, pixels, motion, found, agreement)


def between(track: MouthTrack, first: int, last: int) -> MouthTrack:
    """Frames `first` to `last` (not included)."""
    return _picked(track, slice(first, last))


def in_order(track: MouthTrack, order: NDArray[np.int_]) -> MouthTrack:
    """The track of the same frames shown in another order: what a second look at them would give.  A frame that is held shows no motion."""
    moved = _picked(track, order)
    still = np.diff(order, prepend=order[:1]) == 0
    return replace(moved, motion=np.where(still, 0.0, moved.motion).astype(np.float32))


def at_steady_rate(track: MouthTrack, times: NDArray[np.floating]) -> MouthTrack:
    """The track at even distances, for frames that came at `times` (s, rising, from 0) and not in one beat; `track.fps` is kept."""
    grid = np.arange(int(np.floor(times[-1] * track.fps + 1e-6)) + 1) / track.fps
    found = track.found[np.clip(np.searchsorted(times, grid + 1e-6) - 1, 0, len(times) - 1)]
    change = track.motion[1:] / np.maximum(np.diff(times) * track.fps, 1e-3)
    middles = (times[1:] + times[:-1]) / 2
    motion = np.interp(grid - 0.5 / track.fps, middles, change) if len(times) > 1 else np.zeros(len(grid))

    def even(curve: NDArray[np.float32]) -> NDArray[np.float32]:
        known = np.flatnonzero(np.isfinite(curve))
        if not len(known):
            return np.full(len(grid), np.nan, np.float32)
        return np.where(found, np.interp(grid, times[known], curve[known]), np.nan).astype(np.float32)

    return replace(
        track,
        opening=np.interp(grid, times, track.opening).astype(np.float32),
        mesh=even(track.mesh),
        pixels=even(track.pixels),
        motion=motion.astype(np.float32),
        found=found,
    )


def _picked(track: MouthTrack, frames: slice | NDArray[np.int_]) -> MouthTrack:
    return replace(
        track,
        opening=track.opening[frames],
        mesh=track.mesh[frames],
        pixels=track.pixels[frames],
        motion=track.motion[frames],
        found=track.found[frames],
    )


def eye_distance(points: NDArray[np.float32]) -> float:
    """Distance of the eye centres in px, at least 1."""
    right, left = points[[33, 133]].mean(axis=0), points[[362, 263]].mean(axis=0)
    return max(1.0, float(np.hypot(*(left - right))))


def _down(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vector from the brow to the chin along the face's own vertical, so that a tilted head reads the same."""
    across = points[[362, 263, 291]].mean(axis=0) - points[[33, 133, 61]].mean(axis=0)
    down = np.array([-across[1], across[0]], np.float32)
    return down / max(1e-6, float(np.hypot(*down)))


def _gaps(points: NDArray[np.float32]) -> tuple[float, float]:
    """Inner lip gap and outer lip height over the eye distance."""
    down, scale = _down(points), eye_distance(points)
    upper, lower = np.array(INNER_LIP_PAIRS).T
    inner = float(np.mean((points[lower] - points[upper]) @ down)) / scale
    outer = float(np.mean((points[list(_LOWER_LIP)] - points[list(_UPPER_LIP)]) @ down)) / scale
    return inner, outer


def _lip_strip(frame: Frame, points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Five columns across both lips, from the outer edge of the upper to that of the lower lip: `[5, _ROWS, 3]` RGB."""
    along = np.linspace(0.04, 0.96, _ROWS, dtype=np.float32)[None, :, None]
    upper, lower = points[list(_UPPER_LIP)][:, None], points[list(_LOWER_LIP)][:, None]
    where = upper + (lower - upper) * along
    return cv2.remap(frame, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _mouth_patch(frame: Frame, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Luma of the mouth region in the upper face's own frame (eye corners), so that head motion largely cancels."""
    scale, down = eye_distance(points), _down(points)
    right = np.array([down[1], -down[0]], np.float32)
    centre = points[list(_EYE_CORNERS)].mean(axis=0) + down * 1.15 * scale
    step = 1.1 * scale / _PATCH
    matrix = np.column_stack([right * step, down * step, centre - (right + down) * step * (_PATCH - 1) / 2])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(
        frame, matrix.astype(np.float64), (_PATCH, _PATCH), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _foreign_run(
    strips: NDArray[np.uint8], heights: NDArray[np.float32], mesh: NDArray[np.float32], found: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Opening by colour: the share of the lip columns that does not look like the closed lips of this clip, times the lips' height.

    The clip's own tenth of frames with the smallest mesh gap are the closed reference; all NaN when there are fewer than five.
    """
    out = np.full(len(mesh), np.nan, np.float32)
    if found.sum() < 5:
        return out
    seen = np.flatnonzero(found)
    closed = seen[mesh[seen] <= np.quantile(mesh[seen], 0.10)]
    reference = _lab(strips[closed]).reshape(-1, 3)
    centre = np.median(reference, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(reference - centre), axis=0), (6.0, 2.5, 2.5))
    for block in np.array_split(seen, len(seen) // _BLOCK + 1):
        distance = np.sqrt((((_lab(strips[block]) - centre) / spread) ** 2).sum(axis=-1))
        foreign = np.clip((distance - 2.0) / 2.0, 0, 1).mean(axis=-1)
        out[block] = np.median(foreign, axis=1) * heights[block]
    return out


def _lab(strips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGB `[n, columns, rows, 3]` as Lab in 8-bit units."""
    lab = cv2.cvtColor(strips.reshape(len(strips), -1, 3), cv2.COLOR_RGB2LAB)
    return lab.reshape(strips.shape).astype(np.float32)


def _combine(
    mesh: NDArray[np.float32], pixels: NDArray[np.float32], found: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], float]:
    """Both witnesses on the mesh's scale, the pixels weighing in by how well they agree; lost frames filled linearly."""
    seen = np.flatnonzero(found)
    if len(seen) < 2:
        return np.zeros(len(mesh), np.float32), float("nan")
    opening, agreement = mesh[seen].astype(np.float64), float("nan")
    if np.isfinite(pixels[seen]).all() and np.ptp(pixels[seen]) > 1e-6 and np.ptp(opening) > 1e-6:
        second = pixels[seen].astype(np.float64)
        agreement = float(np.corrcoef(opening, second)[0, 1])
        if agreement > 0.4:
            second = (second - second.mean()) / second.std() * opening.std() + opening.mean()
            opening = opening + 0.5 * agreement * (second - opening)
    return np.interp(np.arange(len(mesh)), seen, opening).astype(np.float32), agreement
