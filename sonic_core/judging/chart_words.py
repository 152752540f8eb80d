"""Words on a chart: in the letters that OpenCV has, or in a font of the system where the language needs other ones."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..words.catalogue import translated

FONTS = (
    "msyh.ttc",
    "simhei.ttf",
    "simsun.ttc",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "STHeiti Light.ttc",
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "SourceHanSansCN-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
)
"""Chinese fonts of Windows, macOS and Linux, which Pillow looks for in the system's folders; none is part of this package."""
PIXELS = 29
"""Height of a font in px whose letters are as high as OpenCV's at size 1."""

Colour = tuple[int, int, int]


class Pen:
    """Writes the chart's words in a language; in English where the system has no font for it.

    words: their English template, as the catalogue has it, with its values filled in.
    """

    def __init__(self, language: str = "en") -> None:
        self.font = chinese_font() if language == "zh" else None
        self.language = language if self.font else "en"

    def said(self, words: str) -> str:
        return translated(words, self.language)

    def width(self, words: str, size: float) -> int:
        """px that the words need at OpenCV's font size."""
        if self.font is None:
            return cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0]
        return round(_sized(self.font, size).getlength(self.said(words)))

    def write(self, image: NDArray[np.uint8], words: str, at: tuple[int, int], size: float, colour: Colour) -> int:
        """Write from x, on the baseline y; returns the x where the words end."""
        if self.font is None:
            cv2.putText(image, words, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
        else:
            drawn = Image.fromarray(image)
            ImageDraw.Draw(drawn).text(at, self.said(words), fill=colour, font=_sized(self.font, size), anchor="ls")
            image[:] = np.asarray(drawn)
        return at[0] + self.width(words, size)


@cache
def chinese_font() -> str | None:
    """Path of the first of `FONTS` that the system has, None = it has none."""
    for name in FONTS:
        try:
            return str(ImageFont.truetype(name, PIXELS).path)
        except OSError:
            continue
    return None


@cache
def _sized(path: str, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, max(10, round(PIXELS * size)))
