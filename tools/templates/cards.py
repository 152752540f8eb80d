"""Draw the templates' thumbnails, moving where the browser can:  python -m tools.templates.cards FONT.ttc

high_quality keeps its own: these frames are the bundled engine's.

ComfyUI asks for NAME.jpg alone; browsers look into a picture and not at its name, so an animated WebP moves in its place.
FONT: one with Latin and Chinese letters, such as Noto Sans CJK.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sonic_core.audio.loading import load_audio
from sonic_core.compositing import covering, over
from sonic_core.job import Job
from sonic_core.media.reader import read_frames
from sonic_core.pipeline import generate
from sonic_core.settings import Settings

ROOT = Path(__file__).parents[2]
SAMPLES, SHIPPED = ROOT / "sonic_core" / "samples", ROOT / "web" / "samples"
SIDE, STRIP = 384, 92  # px of the picture and of the words below it
FRAMES, STEP, SHOWN_MS = 20, 3, 120
FIRST = 5  # a smile: what a browser that shows no movement shows
PANEL, INK, FAINT, GREEN, BLUE = (28, 29, 33), (236, 238, 241), (160, 166, 176), (64, 220, 96), (86, 156, 214)

Picture = NDArray[np.uint8]
Drawing = Callable[[Picture, int], Picture]


def plain(frame: Picture, index: int) -> Picture:
    return frame


def chain(frame: Picture, index: int) -> Picture:
    """Five linked nodes along the lower edge."""
    drawn = frame.copy()
    for i in range(5):
        x = 18 + i * 73
        if i:
            cv2.line(drawn, (x - 17, SIDE - 34), (x, SIDE - 34), BLUE, 2, cv2.LINE_AA)
        cv2.rectangle(drawn, (x, SIDE - 52), (x + 56, SIDE - 16), (50, 52, 58), -1)
        cv2.rectangle(drawn, (x, SIDE - 52), (x + 56, SIDE - 16), BLUE, 2)
    return drawn


def wave(frame: Picture, index: int) -> Picture:
    """The recording's waveform, heard up to here in green."""
    drawn, sound = frame.copy(), load_audio(SAMPLES / "speech.wav").samples[0]
    parts = np.array_split(np.abs(sound), SIDE // 4)
    for i, part in enumerate(parts):
        height = round(46 * float(part.max()) / float(np.abs(sound).max()))
        colour = GREEN if i < len(parts) * index / FRAMES else (200, 204, 210)
        cv2.line(drawn, (i * 4 + 2, SIDE - 40 - height // 2), (i * 4 + 2, SIDE - 40 + height // 2), colour, 2)
    return drawn


def pasted(frame: Picture, index: int) -> Picture:
    """The face's box in a wider picture."""
    drawn = frame.copy()
    cv2.rectangle(drawn, (100, 60), (284, 284), GREEN, 2, cv2.LINE_AA)
    return drawn


def halves(frame: Picture, index: int) -> Picture:
    """Coarse on the left, fine on the right."""
    drawn = frame.copy()
    half = SIDE // 2
    coarse = cv2.resize(
        cv2.resize(frame, (48, 48), interpolation=cv2.INTER_AREA), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST
    )
    drawn[:, :half] = coarse[:, :half]
    cv2.line(drawn, (half, 0), (half, SIDE), INK, 2)
    return drawn


def presented(frame: Picture, index: int) -> Picture:
    """The person before the wall."""
    with Image.open(SHIPPED / "sonic_sample_presenter.webp") as opened:
        opacity = np.asarray(opened.convert("RGBA").resize((SIDE, SIDE)))[..., 3]
    with Image.open(SHIPPED / "sonic_sample_background.jpg") as opened:
        behind = covering(np.asarray(opened.convert("RGB")), SIDE, SIDE)
    return over(np.dstack([frame, opacity]), behind)


def script(frame: Picture, index: int) -> Picture:
    """Lines of a script, the one that is spoken in green."""
    drawn = frame.copy()
    for line in range(3):
        spoken = line == index * 3 // FRAMES
        y = SIDE - 78 + 26 * line
        cv2.rectangle(drawn, (18, y), (18 + (250, 300, 210)[line], y + 14), GREEN if spoken else (200, 204, 210), -1)
    return drawn


CARDS: dict[str, tuple[str, str, Drawing]] = {
    "1 Talking portrait": ("A picture and a recording become a video", "一张图片加一段录音，变成视频", plain),
    "fast": ("The same, node by node; no GPU, no download", "逐个节点完成；无需显卡和下载", chain),
    "Long recording": ("Lectures, audio books: memory stays flat", "讲座、有声书：内存不增长", wave),
    "Script of several recordings": ("A clip for each line of a script", "台词的每一段各做一个视频", script),
    "Person over a background": ("A cut-out person before your own picture", "抠好的人物在你的背景前说话", presented),
    "Paste into a large photo": (
        "Only the face moves, the photo keeps its size",
        "只有人脸在动，照片保持原尺寸",
        pasted,
    ),
    "Upscaler or face restorer": ("Your own nodes between frames and file", "在画面与文件之间加入自己的节点", halves),
    "Align an existing video": ("Measure and correct late or early sound", "测量并校正声音的早晚", wave),
}


def card(picture: Picture, english: str, chinese: str, font: str) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE + STRIP), PANEL)
    image.paste(Image.fromarray(picture))
    draw = ImageDraw.Draw(image)
    for text, size, y, colour in ((english, 21, SIDE + 12, INK), (chinese, 22, SIDE + 48, FAINT)):
        letters = ImageFont.truetype(font, size)
        while letters.getlength(text) > SIDE - 24:
            size -= 1
            letters = ImageFont.truetype(font, size)
        draw.text((12, y), text, fill=colour, font=letters)
    return image


def main(font: str) -> None:
    with TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        generate(Job(SAMPLES / "portrait.png", SAMPLES / "speech.wav", clip, Settings(min_resolution=SIDE), "lite"))
        frames = [frame for i, frame in enumerate(read_frames(clip)) if i % STEP == 0][FIRST : FIRST + FRAMES]
    for name, (english, chinese, drawing) in CARDS.items():
        cards = [card(drawing(frame, i), english, chinese, font) for i, frame in enumerate(frames)]
        target = ROOT / "example_workflows" / f"{name}.jpg"
        cards[0].save(
            target,
            format="WEBP",
            save_all=True,
            append_images=cards[1:],
            duration=SHOWN_MS,
            loop=0,
            quality=60,
            method=6,
        )
        print(target.name, target.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1])
