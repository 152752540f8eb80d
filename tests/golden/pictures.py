"""Golden pictures: how they are kept, and how far a frame may be from them before an eye could tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sonic_core.engines.lite.renderer import landmarks as lm
from sonic_core.engines.lite.renderer.head import head_frame
from sonic_core.portrait.portrait import Portrait

from .faces import FOLDER

STORED = FOLDER.parent / "stored"
COLUMNS = 6
SIDE = 208  # px round the face that is kept of a frame
STEP = 2  # levels; kept coarser than 8 bits, the files are a quarter smaller and nobody sees it
BLUR = 1.2  # px, sigma: rounding and grain average out, a moved edge does not

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Tolerance:
    """Distances in Lab (2.3 is what an eye just notices between two patches).  mean: of a region.  peak: of any blurred spot in it."""

    mean: float
    peak: float


TOLERANCES = {"mouth": Tolerance(0.33, 2.0), "eyes": Tolerance(0.33, 2.0), "whole": Tolerance(0.30, 2.0)}
"""Other processors (no AVX, no FMA, other BLAS) came to 0.22 and 1.0; keeping in steps is 0.21 of that on flat colours."""


@dataclass(frozen=True)
class Difference:
    """What one region of one picture is away from its golden."""

    label: str
    region: str
    mean: float
    peak: float

    @property
    def seen(self) -> bool:
        tolerance = TOLERANCES[self.region]
        return self.mean > tolerance.mean or self.peak > tolerance.peak

    def __str__(self) -> str:
        allowed = TOLERANCES[self.region]
        return (
            f"{self.label}, {self.region}: mean {self.mean:.2f} (allowed {allowed.mean}), "
            f"peak {self.peak:.1f} (allowed {allowed.peak})"
        )


def kept_part(image: Picture) -> Picture:
    """The middle of a frame: all that is compared."""
    top, left = (image.shape[0] - SIDE) // 2, (image.shape[1] - SIDE) // 2
    return image[top : top + SIDE, left : left + SIDE]


def save(name: str, frames: Mapping[str, Picture], folder: Path = STORED) -> None:
    """Tile the frames into one lossless picture, row by row."""
    cells = [kept_part(frame) // STEP * STEP for frame in frames.values()]
    cells += [np.zeros_like(cells[0])] * (-len(cells) % COLUMNS)
    rows = [np.hstack(cells[i : i + COLUMNS]) for i in range(0, len(cells), COLUMNS)]
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.vstack(rows)).save(folder / f"{name}.webp", lossless=True, method=4, quality=100)


def load(name: str, labels: list[str], folder: Path = STORED) -> dict[str, NDArray[np.float32]]:
    """Label -> RGB [SIDE, SIDE, 3], each value in the middle of the step it was kept in.  Raises ValueError when poses were added."""
    sheet = np.array(Image.open(folder / f"{name}.webp").convert("RGB"))
    rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    if rows != -(-len(labels) // COLUMNS):
        raise ValueError(f"{name}: {len(labels)} poses, but the golden sheet has {rows} rows; renew it (README.md).")
    cells = sheet.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
    return {label: cell + np.float32((STEP - 1) / 2) for label, cell in zip(labels, cells, strict=False)}


def regions(portrait: Portrait) -> dict[str, tuple[slice, slice]]:
    """Where mouth and eyes lie in the kept part of a frame, with room for their motion."""
    iod = head_frame(portrait.landmarks).iod
    corner = np.array([portrait.width - SIDE, portrait.height - SIDE]) // 2
    mouth = portrait.landmarks[list(lm.OUTER_UPPER_LIP + lm.OUTER_LOWER_LIP), :2] - corner
    eyes = portrait.landmarks[[i for lid in lm.UPPER_LID + lm.LOWER_LID for i in lid], :2] - corner

    def box(points: NDArray, x: float, above: float, below: float) -> tuple[slice, slice]:
        low = np.clip(points.min(0) - np.array([x, above]) * iod, 0, SIDE).astype(int)
        high = np.clip(points.max(0) + np.array([x, below]) * iod, 0, SIDE).astype(int)
        return slice(low[1], high[1]), slice(low[0], high[0])

    return {
        "mouth": box(mouth, 0.15, 0.15, 0.35),
        "eyes": box(eyes, 0.15, 0.35, 0.15),
        "whole": (slice(0, SIDE), slice(0, SIDE)),
    }


def distances(golden: NDArray[np.float32], image: Picture) -> NDArray[np.float32]:
    """Blurred distance in Lab of every pixel of the kept part."""
    change = _lab(kept_part(image)) - _lab(golden)
    return np.sqrt((cv2.GaussianBlur(change, (0, 0), BLUR) ** 2).sum(2))


def compare(
    golden: Mapping[str, NDArray[np.float32]], frames: Mapping[str, Picture], portrait: Portrait
) -> list[Difference]:
    """Every region of every frame against its golden."""
    found = []
    boxes = regions(portrait)
    for label, frame in frames.items():
        distance = distances(golden[label], frame)
        for region, box in boxes.items():
            found.append(Difference(label, region, float(distance[box].mean()), float(distance[box].max())))
    return found


def _lab(image: NDArray) -> NDArray[np.float32]:
    return cv2.cvtColor(np.ascontiguousarray(image, np.float32) / 255, cv2.COLOR_RGB2LAB)
