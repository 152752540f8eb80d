"""Inputs of the nodes that write an mp4: what marks the video as synthetic, and whether the graph travels with it."""

from __future__ import annotations

from ..sonic_core.media.visible_label import SPANS, TEXTS
from .host import advanced, io

NO_LABEL = "off"


def marking_inputs() -> list[io.Input]:
    """Optional, so that prompts saved before they existed still run."""
    return [
        advanced(
            io.Combo.Input(
                "visible_label",
                options=[NO_LABEL, *SPANS],
                default=NO_LABEL,
                optional=True,
                tooltip="Words in a corner of the picture that say it is synthetic: start = the first 2 seconds, "
                "always = the whole video.",
            )
        ),
        advanced(
            io.Combo.Input(
                "label_language",
                options=list(TEXTS),
                default="en",
                optional=True,
                tooltip="Language of the visible label: "
                + ", ".join(f"{name} = {text}" for name, text in TEXTS.items())
                + ".",
            )
        ),
        advanced(
            io.Boolean.Input(
                "keep_workflow",
                default=True,
                optional=True,
                tooltip="Put this graph into the file, so that dropping the mp4 on the canvas brings it back. "
                "Off before you give the file away.",
            )
        ),
    ]
