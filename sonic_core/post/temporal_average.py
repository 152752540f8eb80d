"""Averaging each pixel over its own time, as far as it shows the same thing there; on request along the motion of the picture."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import Frame
from .optical_flow import OpticalFlow

_REACH, _REACH_ALONG_FLOW = 5, 3
"""Frames that the average looks back and ahead: as far to either side, so that it lags by nothing."""
_STRUCTURE_LUMA = 2.0
"""Change of fine structure beyond the noise at which two moments stop being alike (sigma of the fall)."""
_LEVEL_LUMA = 8.0
"""Change of local brightness at which they do: flicker is below, a mouth that opens is above."""
_MOST_NOISE = 2.5
_FINE, _COARSE = 5, 33
_MEAN_OF_CHANNELS = np.full((1, 3), 1 / 3, np.float32)

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class _Sum:
    """Weighted sum of pictures `[H, W, 3]` and of the weights `[H, W]`, seen from one moment."""

    total: Picture
    weight: Picture


@dataclass(frozen=True)
class _Link:
    """What one moment takes over from its neighbour: share 0-1 per pixel, and where in the neighbour to look (None = same place)."""

    carry: Picture
    place: Picture | None

    def bring(self, neighbour: _Sum) -> _Sum:
        total, weight = neighbour.total, neighbour.weight
        if self.place is not None:
            total = cv2.remap(total, self.place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            weight = cv2.remap(weight, self.place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return _Sum(cv2.multiply(total, cv2.merge([self.carry] * 3)), weight * self.carry)


@dataclass(frozen=True)
class _Moment:
    """A frame on its way through, linked with the one before in both directions (None at the start)."""

    picture: Picture
    takes: _Link | None = None
    gives: _Link | None = None

    def alone(self) -> _Sum:
        return _Sum(self.picture, np.ones(self.picture.shape[:2], np.float32))

    def joined(self, link: _Link, neighbour: _Sum) -> _Sum:
        brought = link.bring(neighbour)
        return _Sum(self.picture + brought.total, 1 + brought.weight)


def averaged(pictures: Iterator[Picture], decay: float, flow: OpticalFlow | None = None) -> Iterator[Frame]:
    """Two-sided exponential average along time, `decay` (0-1) per frame, less wherever the picture changed.

    pictures: float32 RGB.  The weight of a frame is the product of the likenesses on the way to it, so nothing reaches across a change.
    flow: follow what moves; without it a pixel looks at its own place only.
    """
    reach = _REACH if flow is None else _REACH_ALONG_FLOW
    past: deque[_Moment] = deque(maxlen=reach)
    ahead: deque[_Moment] = deque()
    source = _moments(pictures, decay, flow)
    while True:
        ahead.extend(islice(source, reach + 1 - len(ahead)))
        if not ahead:
            return
        now = ahead.popleft()
        total, weight = now.picture, np.ones(now.picture.shape[:2], np.float32)
        for neighbour in (_gone(past, now), _coming(ahead)):
            if neighbour is not None:
                total, weight = total + neighbour.total, weight + neighbour.weight
        past.append(now)
        yield _rounded(cv2.divide(total, cv2.merge([weight] * 3)))


def likeness(a: Picture, b: Picture) -> Picture:
    """How far each pixel of two RGB pictures shows the same thing, 0-1, whatever the noise and small changes of brightness."""
    change = b - a
    level = cv2.blur(cv2.cvtColor(change, cv2.COLOR_RGB2GRAY), (_COARSE, _COARSE))
    structure = cv2.absdiff(change, cv2.merge([level] * 3))
    structure = cv2.blur(cv2.transform(structure, _MEAN_OF_CHANNELS), (_FINE, _FINE))
    excess = np.maximum(structure - 1.3 * _noise(a[..., 1], structure), 0)
    return cv2.exp(-((excess / _STRUCTURE_LUMA) ** 2 + (level / _LEVEL_LUMA) ** 2))


def _noise(luma: Picture, structure: Picture) -> float:
    """The change of structure that noise alone makes: what the flattest third of the picture shows, where motion changes little."""
    sample = np.s_[2:-2:4, 2:-2:4]
    slope = np.abs(luma[2:-2:4, 4::4] - luma[2:-2:4, :-4:4]) + np.abs(luma[4::4, 2:-2:4] - luma[:-4:4, 2:-2:4])
    flat = slope <= np.quantile(slope, 0.33)
    return min(_MOST_NOISE, float(np.median(structure[sample][flat])))


def _moments(pictures: Iterator[Picture], decay: float, flow: OpticalFlow | None) -> Iterator[_Moment]:
    before: Picture | None = None
    for picture in pictures:
        if before is None:
            yield _Moment(picture)
        elif flow is None:
            link = _Link(decay * likeness(before, picture), None)
            yield _Moment(picture, link, link)
        else:
            yield _Moment(picture, _followed(picture, before, decay, flow), _followed(before, picture, decay, flow))
        before = picture


def _followed(here: Picture, there: Picture, decay: float, flow: OpticalFlow) -> _Link:
    place = flow.places(cv2.cvtColor(here, cv2.COLOR_RGB2GRAY), cv2.cvtColor(there, cv2.COLOR_RGB2GRAY))
    found = cv2.remap(there, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _Link(decay * likeness(here, found), place)


def _gone(past: deque[_Moment], now: _Moment) -> _Sum | None:
    """The frames gone by, as `now` sees them."""
    if not past:
        return None
    chain = past[0].alone()
    for moment in islice(past, 1, None):
        chain = moment.joined(moment.takes, chain)
    return now.takes.bring(chain)


def _coming(ahead: deque[_Moment]) -> _Sum | None:
    """The coming frames, as the frame before them sees them."""
    if not ahead:
        return None
    chain = ahead[-1].alone()
    for i in range(len(ahead) - 2, -1, -1):
        chain = ahead[i].joined(ahead[i + 1].gives, chain)
    return ahead[0].gives.bring(chain)


def _rounded(picture: Picture) -> Frame:
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
