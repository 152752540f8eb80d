"""The visible label: "AI generated" drawn into a corner of the picture, for its opening or for the whole clip.

China's labelling measures (GB 45438-2025) ask for it on the opening picture of a video, for at least 2 s, in characters of at least
5 % of the picture's short side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..errors import SettingsError
from ..frames import Frame, FrameStream

SPANS = ("start", "always")
CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")
TEXTS = {"en": "AI generated", "zh": "AI生成"}
OPENING_SECONDS = 2.0
SMALLEST, LARGEST = 0.05, 0.2
FONT = Path(__file__).parent / "fonts" / "label.ttf"
# A dark plate under white letters reads on snow and at night.
PLATE, PLATE_OPACITY, LETTERS = 24.0, 0.6, 255.0
MARGIN, PADDING = 0.6, 0.5  # of the height of capitals
PROBE_SIZE = 1000  # px; outlines scale evenly


@dataclass(frozen=True)
class VisibleLabel:
    """What stands where and how long; checked on construction (`SettingsError`).

    span: "start" = the first 2 s, "always" = the whole clip.  language: of the usual text.  text: another one, "" = the usual.
    corner: one of CORNERS.  size: height of capital letters over the picture's short side, 0.05 (what the law asks) to 0.2.
    """

    span: str = "start"
    language: str = "en"
    corner: str = "bottom_right"
    text: str = ""
    size: float = 0.055

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("span", self.span, SPANS),
            ("language", self.language, tuple(TEXTS)),
            ("corner", self.corner, CORNERS),
        ):
            if value not in choices:
                raise SettingsError(f"{name} of the visible label is {value!r}; expected one of {', '.join(choices)}.")
        if not SMALLEST <= self.size <= LARGEST:
            raise SettingsError(
                f"size of the visible label is {self.size}; expected {SMALLEST} to {LARGEST} of the short side."
            )
        if self.text and not self.text.strip():
            raise SettingsError("The text of the visible label is blank. Give one, or leave it out for the usual one.")

    @property
    def words(self) -> str:
        """What is written: the user's text, else the usual words of the language."""
        return self.text.strip() or TEXTS[self.language]


@dataclass(frozen=True)
class _Stamp:
    """A drawn label: where it lies in the frame, and what is left of the frame there and added to it."""

    rows: slice
    columns: slice
    keep: NDArray[np.float32]
    add: NDArray[np.float32]

    def on(self, frame: Frame) -> Frame:
        labelled = frame.copy()
        part = labelled[self.rows, self.columns]
        if frame.shape[2] == 3:
            part[:] = np.round(part * self.keep + self.add).astype(np.uint8)
            return labelled
        below = (
            part[..., 3:].astype(np.float32) / 255 * self.keep
        )  # what is left of the frame, as a share of the whole pixel
        opacity = below + 1 - self.keep
        part[..., :3] = np.round((part[..., :3] * below + self.add) / np.maximum(opacity, 1 / 255)).astype(np.uint8)
        part[..., 3:] = np.round(255 * opacity).astype(np.uint8)
        return labelled


def with_visible_label(frames: FrameStream, label: VisibleLabel | None) -> FrameStream:
    """The stream with the label on the frames it belongs to; other frames and pixels pass untouched.

    Raises SettingsError when the text does not fit into the picture or the font lacks one of its characters.
    """
    if label is None:
        return frames
    stamp = _draw(label, frames.width, frames.height)
    last = len(frames) if label.span == "always" else ceil(OPENING_SECONDS * frames.fps)

    def labelled() -> Iterator[Frame]:
        for index, frame in enumerate(frames):
            yield stamp.on(frame) if index < last else frame

    return replace(frames, start=labelled)


def _draw(label: VisibleLabel, width: int, height: int) -> _Stamp:
    _check_characters(label.words)
    capitals = ceil(label.size * min(width, height))
    font = _font_with_capitals(capitals)
    left, top, right, bottom = (round(side) for side in font.getbbox(label.words, anchor="ls"))
    margin, padding = ceil(MARGIN * capitals), ceil(PADDING * capitals)
    box_width, box_height = right - left + 2 * padding, bottom - top + 2 * padding
    if box_width + margin > width or box_height + margin > height:
        raise SettingsError(
            f"The visible label {label.words!r} is {box_width} px wide at {label.size:.1%} of the short side, the picture is "
            f"{width}x{height}. Choose a shorter text or a larger picture."
        )
    letters = Image.new("L", (box_width, box_height), 0)
    ImageDraw.Draw(letters).text((padding - left, padding - top), label.words, fill=255, font=font, anchor="ls")
    # Drawn four times as large and shrunk: Pillow's own corners are jagged.
    large = Image.new("L", (4 * box_width, 4 * box_height), 0)
    ImageDraw.Draw(large).rounded_rectangle((0, 0, 4 * box_width - 1, 4 * box_height - 1), 3 * padding, fill=255)
    ink = np.asarray(letters, np.float32)[..., None] / 255
    plate = np.asarray(large.resize(letters.size, Image.Resampling.BOX), np.float32)[..., None] / 255 * PLATE_OPACITY
    y = margin if label.corner.startswith("top") else height - margin - box_height
    x = margin if label.corner.endswith("left") else width - margin - box_width
    return _Stamp(
        slice(y, y + box_height),
        slice(x, x + box_width),
        ((1 - ink) * (1 - plate)).astype(np.float32),
        ((1 - ink) * plate * PLATE + ink * LETTERS).astype(np.float32),
    )


def _font_with_capitals(height: int) -> ImageFont.FreeTypeFont:
    """The font in the size whose capital letters are `height` px, or a little more."""
    probe = ImageFont.truetype(FONT, PROBE_SIZE, layout_engine=ImageFont.Layout.BASIC)
    _, top, _, bottom = probe.getbbox("I", anchor="ls")
    return probe.font_variant(size=ceil(height * PROBE_SIZE / (bottom - top)))


def _check_characters(words: str) -> None:
    """SettingsError for a character that the font would draw as an empty box."""
    font = ImageFont.truetype(FONT, 32, layout_engine=ImageFont.Layout.BASIC)
    missing = bytes(font.getmask("\uffff"))
    unknown = [
        letter for letter in dict.fromkeys(words) if not letter.isspace() and bytes(font.getmask(letter)) == missing
    ]
    if unknown:
        raise SettingsError(
            f"The visible label cannot show {' '.join(unknown)}: its font has Latin letters and the Chinese characters of the usual "
            "labels. Choose another text."
        )
