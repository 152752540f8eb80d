"""Averaging each pixel over its own time, as far as it shows the same thing there; on request along the motion of the picture."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import Frame
from .slope import slope

_AHEAD, _AHEAD_ALONG_FLOW = 5, 4
"""Frames that the average looks ahead; as much weight as the past has, so that it lags by nothing."""
_STRUCTURE_LUMA = 2.0
"""Change of fine structure beyond the noise at which two moments stop being alike (sigma of the fall)."""
_LEVEL_LUMA = 8.0
"""Change of local brightness at which they do: flicker is below, a mouth that opens is above."""
_MOST_NOISE = 3.0
"""Luma levels (standard deviation): what differs by more than this is never taken for noise."""
_DOUBT = 1.5
"""A change may be this much stronger than the noise before less of it is believed."""
_FLAT_SHARE = 0.33
"""The flattest part of a picture, where motion changes little: its unrest is noise."""
_FINE, _LEVEL, _ENERGY = 3, 17, 5
"""px at half size: windows of structure, of local brightness, of the energy of what is taken out."""
_MEAN_OF_CHANNELS = np.full((1, 3), 1 / 3, np.float32)
_SAMPLE = np.s_[1:-1:2, 1:-1:2]

Picture = NDArray[np.float32]
Find = Callable[[Picture, Picture], Picture]


@dataclass(frozen=True)
class _Moment:
    """A frame on its way through.  weighted: `[H, W, 4]` its colours and its weight, 1.  half: `[H/2, W/2, 3]`.  flat: where `half` is.

    back, on: where in the frame before, and in the next, each pixel is found; None = in the same place.
    """

    picture: Picture
    weighted: Picture
    half: Picture
    flat: NDArray[np.bool_]
    back: Picture | None = None
    on: Picture | None = None


def averaged(pictures: Iterator[Picture], decay: float, found_in: Find | None = None) -> Iterator[Frame]:
    """Two-sided exponential average along time, `decay` (0-1) per frame, less wherever the picture changed.

    pictures: float32 RGB.  What is carried over from frame to frame is compared with every frame on its way, so nothing reaches across a
    change.  In the end each pixel follows the average only as far as what that takes out of it looks like the noise of the flat parts:
    a clip without noise stays as it is, and the trace of an edge that moved is not noise.  found_in: follows what moves, from the lumas of
    two frames to places in the second; without it a pixel looks at its own place only.
    """
    reach = _AHEAD if found_in is None else _AHEAD_ALONG_FLOW
    ahead: deque[_Moment] = deque()
    gone: Picture | None = None
    source = _moments(pictures, found_in)
    while True:
        ahead.extend(islice(source, reach + 1 - len(ahead)))
        if not ahead:
            return
        total, coming = _carried(ahead[0], ahead[0].back, gone, decay), None
        for moment in islice(reversed(ahead), len(ahead) - 1):
            coming = _carried(moment, moment.on, coming, decay)
        now = ahead.popleft()
        gone = total
        if coming is not None:
            total = total + _brought(now, now.on, coming, decay)
        yield _calmed(now, total)


def _moments(pictures: Iterator[Picture], found_in: Find | None) -> Iterator[_Moment]:
    """Each picture as soon as the next one is known, with the places of its content in both neighbours."""
    before: Picture | None = None
    back: Picture | None = None
    luma: Picture | None = None
    for picture in pictures:
        last_luma, luma = luma, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if found_in else None
        if before is not None:
            there = found_in(last_luma, luma) if found_in and last_luma is not None and luma is not None else None
            yield _moment(before, back, there)
            back = found_in(luma, last_luma) if found_in and last_luma is not None and luma is not None else None
        before = picture
    if before is not None:
        yield _moment(before, back, None)


def _moment(picture: Picture, back: Picture | None, on: Picture | None) -> _Moment:
    half = _halved(picture)
    steep = slope(cv2.cvtColor(half, cv2.COLOR_RGB2GRAY))[_SAMPLE]
    flat = steep <= np.partition(steep, int(_FLAT_SHARE * steep.size), axis=None)[int(_FLAT_SHARE * steep.size)]
    weighted = cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA)
    weighted[..., 3] = 1
    return _Moment(picture, weighted, half, flat, back, on)


def _carried(moment: _Moment, place: Picture | None, neighbour: Picture | None, decay: float) -> Picture:
    """The moment with what its neighbour has gathered."""
    if neighbour is None:
        return moment.weighted
    return cv2.add(moment.weighted, _brought(moment, place, neighbour, decay))


def _brought(moment: _Moment, place: Picture | None, gathered: Picture, decay: float) -> Picture:
    """A weighted sum `[H, W, 4]` of another moment as this one sees it: moved to its places, and less where it is something else."""
    if place is not None:
        gathered = cv2.remap(gathered, place, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    half = _halved(gathered)
    carry = decay * likeness(half[..., :3] / np.maximum(half[..., 3:], 1e-3), moment.half, moment.flat)
    carry = cv2.resize(carry, gathered.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.multiply(gathered, cv2.merge([carry] * 4))


def likeness(a: NDArray[np.floating], b: Picture, flat: NDArray[np.bool_]) -> Picture:
    """How far each pixel of two RGB pictures shows the same thing, 0-1, whatever the noise and small changes of brightness."""
    change = b - a
    level = cv2.blur(cv2.cvtColor(change, cv2.COLOR_RGB2GRAY), (_LEVEL, _LEVEL))
    structure = cv2.absdiff(change, cv2.merge([level] * 3))
    structure = cv2.blur(cv2.transform(structure, _MEAN_OF_CHANNELS), (_FINE, _FINE))
    excess = np.maximum(structure - min(_MOST_NOISE, _usual(structure, flat)), 0)
    return np.exp(-(np.square(excess / _STRUCTURE_LUMA) + np.square(level / _LEVEL_LUMA)))


def _calmed(moment: _Moment, total: Picture) -> Frame:
    """The picture, moved towards its average as far as the difference is noise (Wiener's share: the noise's energy over all of it)."""
    change = total[..., :3] / total[..., 3:] - moment.picture
    energy = _halved(cv2.transform(np.square(change), _MEAN_OF_CHANNELS))
    energy = cv2.blur(energy, (_ENERGY, _ENERGY))
    noise = min(_MOST_NOISE**2, _usual(energy, moment.flat))
    share = np.minimum(1, _DOUBT * noise / np.maximum(energy, 1e-6))
    share = cv2.resize(share, change.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.rint(np.clip(moment.picture + share[..., None] * change, 0, 255)).astype(np.uint8)


def _usual(values: Picture, flat: NDArray[np.bool_]) -> float:
    """Median over the flat parts."""
    return float(np.median(values[_SAMPLE][flat]))


def _halved(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    return cv2.resize(picture, (max(4, width // 2), max(4, height // 2)), interpolation=cv2.INTER_AREA)
