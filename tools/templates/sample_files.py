"""Write the smaller samples in web/samples:  python -m tools.templates.sample_files

Two lines cut from the bundled sentence, the bundled person without her background, and a wall drawn here for behind her.
"""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sonic_core.audio.loading import load_audio

ROOT = Path(__file__).parents[2]
SAMPLES, TARGET = ROOT / "sonic_core" / "samples", ROOT / "web" / "samples"
LINES = ((0.0, 1.9), (1.9, 0.0))  # s: start and length; a pause lies between them
BIT_RATE = 64_000
ROUNDS, BORDER = 12, 1.2  # of GrabCut; px of blur over the outline
WALL = (1280, 720)


def write_lines() -> None:
    for number, (start, length) in enumerate(LINES, start=1):
        clip = load_audio(SAMPLES / "speech.wav", start, length)
        with av.open(str(TARGET / f"sonic_sample_line_{number}.mp3"), "w") as container:
            stream = container.add_stream("mp3", rate=clip.rate, layout="mono", bit_rate=BIT_RATE)
            frame = av.AudioFrame.from_ndarray(clip.samples[:1].astype(np.float32), format="fltp", layout="mono")
            frame.rate = clip.rate
            for part in (frame, None):
                container.mux(stream.encode(part))


def person(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Opacity [H, W] of the person, by GrabCut from a rough drawing of head, neck and suit."""
    mask = np.full(picture.shape[:2], cv2.GC_BGD, np.uint8)
    cv2.ellipse(mask, (275, 165), (180, 150), 0, 0, 360, cv2.GC_PR_BGD, -1)
    cv2.rectangle(mask, (0, 285), (511, 511), cv2.GC_PR_BGD, -1)
    cv2.ellipse(mask, (272, 190), (148, 165), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.fillPoly(
        mask, [np.array([(0, 470), (60, 320), (180, 290), (350, 340), (430, 470), (511, 500), (511, 511), (0, 511)])], 3
    )
    cv2.ellipse(mask, (268, 200), (95, 120), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.ellipse(mask, (250, 470), (150, 120), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.grabCut(
        picture[..., ::-1].copy(), mask, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK
    )
    kept = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(kept)
    kept = (labels == 1 + np.argmax(sizes[1:, cv2.CC_STAT_AREA])).astype(np.uint8)
    kept = cv2.erode(cv2.morphologyEx(kept, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)), np.ones((3, 3), np.uint8))
    return cv2.GaussianBlur(255 * kept, (0, 0), BORDER)


def wall() -> NDArray[np.uint8]:
    """An evening window behind a presenter: soft lights over a blue that darkens downwards."""
    width, height = WALL
    rng = np.random.default_rng(7)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    picture = (1 - rows) * np.array([38, 62, 104], np.float32) + rows * np.array([12, 18, 34], np.float32)
    picture = np.repeat(picture, width, axis=1)
    for _ in range(70):
        layer = np.zeros_like(picture)
        centre = (int(rng.integers(width)), int(rng.normal(0.62, 0.12) * height))
        colour = np.array([(255, 190, 110), (255, 150, 90), (150, 200, 255)][rng.integers(3)]) * rng.uniform(0.15, 0.5)
        cv2.circle(layer, centre, int(rng.integers(14, 44)), colour.tolist(), -1, cv2.LINE_AA)
        picture += cv2.GaussianBlur(layer, (0, 0), 3)
    return np.clip(picture + rng.normal(0, 1.2, picture.shape), 0, 255).astype(np.uint8)


def main() -> None:
    write_lines()
    with Image.open(SAMPLES / "portrait.png") as opened:
        picture = np.asarray(opened.convert("RGB"))
    Image.fromarray(np.dstack([picture, person(picture)])).save(
        TARGET / "sonic_sample_presenter.webp", quality=88, alpha_quality=90, method=6
    )
    Image.fromarray(wall()).save(TARGET / "sonic_sample_background.jpg", quality=80, optimize=True)


if __name__ == "__main__":
    main()
