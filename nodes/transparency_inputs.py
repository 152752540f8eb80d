"""Inputs of pictures with transparent parts: where they come in and what becomes of them."""

from __future__ import annotations

from pathlib import Path

from ..sonic_core.background import background_of
from ..sonic_core.errors import SettingsError
from .host import advanced, io

WHITE, KEPT = "white", "transparent"


def transparency_input() -> io.Input:
    """Optional and without a widget, so that graphs saved before it existed still run."""
    return io.Mask.Input(
        "transparency",
        optional=True,
        tooltip="The mask of Load Image: what is transparent in the picture (white). An image with four channels needs none.",
    )


def transparent_parts_input() -> io.Input:
    return advanced(
        io.Combo.Input(
            "transparent_parts",
            options=[WHITE, KEPT],
            default=WHITE,
            optional=True,
            tooltip="Of a picture with transparency: white = laid over white; transparent = images with a fourth channel, which "
            "Save Image and Video Combine (Sonic) keep.",
        )
    )


def background_inputs() -> list[io.Input]:
    """The last inputs of a node and optional."""
    return [
        advanced(
            io.String.Input(
                "background",
                default="",
                optional=True,
                tooltip="Behind a picture with transparency: transparent (webm, mov, png) or a colour such as #00ff00. "
                "Empty = transparent where file_format can be, else white.",
            )
        ),
        transparency_input(),
    ]


def background_image_input() -> io.Input:
    return io.Image.Input(
        "background_image",
        optional=True,
        tooltip="Behind a picture with transparency: another picture, scaled to cover the frame. Instead of background.",
    )


def colour_only(background: str) -> str:
    """The widget's text; SettingsError for the name of a file: a workflow names files of ComfyUI's folders only."""
    if isinstance(background_of(background), Path):
        raise SettingsError(
            f"background is {background!r}; expected a colour such as #00ff00, or transparent. A picture for behind "
            "comes in through background_image."
        )
    return background
