"""How the six small portraits beside this file were made: `python -m tests.golden.draw_portraits grace_hopper.jpg`.

Not run by any test: the pictures are kept, so that a change of the renderer, which closes the astronaut's lips here, does not change them.
The astronaut is NASA's, Commodore Hopper the US Navy's (the photograph that matplotlib ships as sample data): both public domain.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sonic_core.engines.lite.contact_sheet import face_cell
from sonic_core.engines.lite.parameters import parameters
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.engines.lite.renderer.landmarks import FACE_OVAL, INNER_LOWER_LIP, INNER_UPPER_LIP
from sonic_core.portrait.analysis import load_portrait
from sonic_core.portrait.portrait import Portrait
from sonic_core.samples import PORTRAIT

SIZE = 288  # px
SPAN = 4.0  # IOD that a picture shows
FOLDER = Path(__file__).parent / "portraits"

Picture = NDArray[np.uint8]


def cropped(portrait: Portrait, image: Picture) -> Picture:
    return face_cell(portrait, image, SIZE, SPAN)


def dark_skinned(image: Picture, portrait: Portrait) -> Picture:
    """Face and all that is warm in colour (neck, hair) darker and browner; eyes and background stay."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    face = np.zeros(lab.shape[:2], np.float32)
    cv2.fillPoly(face, [portrait.landmarks[list(FACE_OVAL), :2].round().astype(np.int32)], 1)
    warm = np.clip((np.hypot(lab[..., 1], lab[..., 2]) - 9) / 8, 0, 1)
    skin = cv2.GaussianBlur(np.maximum(face, warm), (0, 0), 2.0)
    eyes = np.zeros_like(face)
    for contour in portrait.eye_contours:
        cv2.fillPoly(eyes, [contour[:16].round().astype(np.int32)], 1)
    skin *= 1 - cv2.GaussianBlur(eyes, (0, 0), 0.8)
    changed = lab * [0.50, 0.95, 0.85] + [2, 1, 2]
    return _rgb(lab + (changed - lab) * skin[..., None])


def statue(image: Picture, portrait: Portrait) -> Picture:
    """Grey stone: no colour, pale blank eyes, lips parted by a chiselled line."""
    light = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 0]
    stone = 38 + 0.58 * light
    for contour, iris in zip(portrait.eye_contours, portrait.irises, strict=True):
        eye = np.zeros(light.shape, np.float32)
        cv2.fillPoly(eye, [contour[:16].round().astype(np.int32)], 1)
        r = int(1.3 * np.linalg.norm(iris[1] - iris[0])) + 1
        around = np.zeros_like(eye)
        cv2.circle(around, tuple(int(v) for v in iris[0]), r, 1, -1)
        share = cv2.GaussianBlur(eye * around, (0, 0), 1.0)
        stone = stone + share * (82 - stone)
    seam = np.zeros_like(light)
    line = (portrait.landmarks[list(INNER_UPPER_LIP), :2] + portrait.landmarks[list(INNER_LOWER_LIP), :2]) / 2
    cv2.polylines(seam, [line.round().astype(np.int32)], False, 1, 2)
    stone = stone - 26 * cv2.GaussianBlur(seam, (0, 0), 0.8)
    grain = cv2.GaussianBlur(np.random.default_rng(4).normal(0, 1.2, light.shape), (0, 0), 0.8)
    return _rgb(np.dstack([stone + grain, np.full_like(stone, 0.5), np.full_like(stone, 3.0)]))


def cartoon() -> Picture:
    """A drawn girl: flat colours, large eyes, small mouth; painted at four times the size."""
    k = 4
    side, skin, shade, line, hair = SIZE * k, (250, 222, 202), (236, 190, 168), (70, 42, 40), (96, 62, 128)
    page = np.full((side, side, 3), (150, 190, 205), np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return int(x * k), int(y * k)

    def blob(center: tuple[float, float], axes: tuple[float, float], color: tuple[int, int, int], *arc: int) -> None:
        cv2.ellipse(page, at(*center), at(*axes), 0, *(arc or (0, 360)), color, -1, cv2.LINE_AA)

    def stroke(points: list[tuple[float, float]], color: tuple[int, int, int], width: float) -> None:
        cv2.polylines(page, [np.array([at(*p) for p in points])], False, color, int(width * k), cv2.LINE_AA)

    blob((144, 120), (104, 108), hair)
    cv2.rectangle(page, at(40, 120), at(248, 270), hair, -1)
    cv2.rectangle(page, at(120, 215), at(168, 288), shade, -1)
    blob((144, 300), (90, 40), (230, 90, 90))
    face = [(64, 100), (66, 150), (76, 185), (96, 215), (122, 237), (144, 244)]
    outline = face + [(288 - x, y) for x, y in reversed(face)] + [(210, 60), (144, 40), (78, 60)]
    cv2.fillPoly(page, [np.array([at(*p) for p in outline])], skin, cv2.LINE_AA)
    for s in (-1, 1):
        blob((144 + s * 52, 186), (18, 9), (250, 205, 190))
        x, y = 144 + s * 40, 143
        blob((x, y), (23, 21), (252, 252, 255))
        blob((x + s * 1, y + 2), (13.5, 17), (70, 110, 190))
        blob((x + s * 1, y + 2), (7, 10), (24, 24, 60))
        blob((x - 4, y - 6), (4.5, 4.5), (255, 255, 255))
        lid = [(x + 25 * np.cos(t), y + 1 - 22 * np.sin(t)) for t in np.linspace(0.08, np.pi - 0.08, 24)]
        stroke(lid, line, 5.0)
        below = [(x + 20 * np.cos(t), y + 20 * np.sin(t)) for t in np.linspace(0.5, np.pi - 0.5, 16)]
        stroke(below, (150, 100, 90), 1.4)
        brow = [(x + 24 * np.cos(t), y - 22 - 12 * np.sin(t)) for t in np.linspace(0.4, np.pi - 0.4, 16)]
        stroke(brow, (80, 52, 100), 4.0)
    stroke([(146, 172), (150, 184), (143, 187)], (215, 160, 140), 2.2)
    mouth = [(124 + 2 * i, 209 + 3.2 * np.sin(np.pi * i / 20)) for i in range(21)]
    blob((144, 212), (13, 6.5), (226, 128, 124))
    stroke(mouth, (140, 50, 56), 2.0)
    fringe = [(40, 130), (50, 60), (100, 22), (188, 22), (238, 60), (248, 130), (226, 106), (206, 76), (190, 100)]
    fringe += [(168, 74), (146, 98), (122, 74), (100, 100), (82, 76), (62, 106)]
    cv2.fillPoly(page, [np.array([at(*p) for p in fringe])], hair, cv2.LINE_AA)
    return cv2.resize(page, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def main(hopper: Path) -> None:
    astronaut, navy = load_portrait(PORTRAIT), load_portrait(hopper)
    renderer = PortraitRenderer(astronaut)
    photo = cropped(astronaut, astronaut.image)
    closed = cropped(astronaut, renderer.render(parameters(rest=1, pucker=0.25)))
    smiling = cropped(astronaut, renderer.render(parameters(smile=0.9, upraise=0.3, lowdep=0.2, yaw=-6, roll=7)))
    pictures = {
        "photo": photo,
        "smile": smiling[:, ::-1],
        "glasses": cropped(navy, navy.image),
        "cartoon": cartoon(),
        "statue": statue(closed, load_portrait(closed)),
        "dark_skin": dark_skinned(closed, load_portrait(closed)),
    }
    for name, picture in pictures.items():
        Image.fromarray(np.ascontiguousarray(picture)).save(FOLDER / f"{name}.webp", lossless=True, method=6)


def _rgb(lab: NDArray) -> Picture:
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
