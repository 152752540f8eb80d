"""Draw icon and banner of the pack for ComfyUI's registry:  python -m tools.registry_art"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sonic_core.audio.loading import load_audio
from sonic_core.job import Job
from sonic_core.media.reader import read_frames
from sonic_core.pipeline import generate
from sonic_core.settings import Settings

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sonic_core" / "samples"
FONT = next((ROOT / "sonic_core").rglob("*.ttf"))
MEDIA = ROOT / "docs" / "media"

ICON, BANNER = 400, (1260, 540)  # px, the registry's largest icon and its shape of a banner, 21:9
FINE = 4  # drawn so many times larger, then made smaller: smooth edges
NIGHT, DEEP, INK, FAINT = (24, 26, 38), (44, 52, 92), (240, 242, 248), (168, 176, 196)
SKIN, HAIR, COAT, GREEN = (246, 196, 158), (96, 62, 48), (236, 120, 72), (82, 226, 140)
MOUTH = (0.34, 0.62, 1.0, 0.72, 0.42)  # heights of the bars that are the mouth
SPOKEN = (8, 21, 34)  # frames of the sample on the banner: closed, open, round


def gradient(width: int, height: int) -> Image.Image:
    """From NIGHT above to DEEP below."""
    part = np.linspace(0, 1, height)[:, None, None]
    column = np.array(NIGHT) * (1 - part) + np.array(DEEP) * part
    return Image.fromarray(np.broadcast_to(column, (height, width, 3)).astype(np.uint8))


def icon() -> Image.Image:
    """A head and shoulders in a frame; its mouth is a sound."""
    side = ICON * FINE
    image, mask = gradient(side, side).convert("RGBA"), Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)

    def box(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        return x0 * side, y0 * side, x1 * side, y1 * side

    draw.ellipse(box(0.14, 0.72, 0.86, 1.5), fill=COAT)
    draw.rounded_rectangle(box(0.42, 0.6, 0.58, 0.82), 0.08 * side, fill=tuple(int(0.86 * value) for value in SKIN))
    draw.ellipse(box(0.25, 0.12, 0.75, 0.72), fill=SKIN)
    draw.chord(box(0.235, 0.08, 0.765, 0.66), 196, 344, fill=HAIR)
    for x in (0.395, 0.605):
        draw.ellipse(box(x - 0.03, 0.34, x + 0.03, 0.4), fill=NIGHT)
    for i, height in enumerate(MOUTH):
        x = 0.5 + (i - len(MOUTH) // 2) * 0.062
        half = 0.075 * height
        draw.rounded_rectangle(box(x - 0.02, 0.55 - half, x + 0.02, 0.55 + half), 0.02 * side, fill=NIGHT)
    for step in (1, 2):
        reach = 0.07 * step
        ring = box(0.25 - reach, 0.37 - 0.16 - reach, 0.75 + reach, 0.37 + 0.16 + reach)
        for start in (-38, 142):
            draw.arc(ring, start, start + 76, fill=GREEN, width=round(0.022 * side))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, side - 1, side - 1), 0.18 * side, fill=255)
    image.putalpha(mask)
    return image.resize((ICON, ICON), Image.Resampling.LANCZOS)


def banner() -> Image.Image:
    """Three moments of the bundled sentence, its sound below, the name beside."""
    width, height = BANNER
    image = gradient(width, height)
    draw = ImageDraw.Draw(image)
    side = 232
    for i, frame in enumerate(spoken_frames(side)):
        image.paste(Image.fromarray(frame), (width - (3 - i) * (side + 14) - 26, 92))
    sound = load_audio(SAMPLES / "speech.wav").samples[0]
    left, right, middle = width - 3 * (side + 14) - 26, width - 40, 412
    bars = np.array_split(np.abs(sound), (right - left) // 9)
    loudest = float(np.abs(sound).max())
    for i, bar in enumerate(bars):
        half = 4 + 50 * float(bar.max()) / loudest
        x = left + 9 * i
        draw.rounded_rectangle((x, middle - half, x + 5, middle + half), 2, fill=GREEN)
    mark = icon().resize((128, 128), Image.Resampling.LANCZOS)
    image.paste(mark, (48, 92), mark)
    draw.text((48, 248), "Sonic Portrait", fill=INK, font=ImageFont.truetype(FONT, 54))
    for i, line in enumerate(("One picture, one recording:", "a portrait that speaks.")):
        draw.text((50, 330 + 40 * i), line, fill=FAINT, font=ImageFont.truetype(FONT, 28))
    return image


def spoken_frames(side: int) -> list[np.ndarray]:
    with TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        generate(Job(SAMPLES / "portrait.png", SAMPLES / "speech.wav", clip, Settings(min_resolution=256), "lite"))
        frames = list(read_frames(clip))
    return [np.asarray(Image.fromarray(frames[i]).resize((side, side), Image.Resampling.LANCZOS)) for i in SPOKEN]


def main() -> None:
    icon().save(MEDIA / "icon.png", optimize=True)
    banner().save(MEDIA / "banner.jpg", quality=90, optimize=True)


if __name__ == "__main__":
    main()
