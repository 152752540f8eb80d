"""Node inputs made from the one table of settings, so that names, ranges and meanings cannot drift apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from ..sonic_core.settings import Settings
from .host import advanced, io

TABLE = {field.name: field for field in fields(Settings)}
RARE = {"length_policy", "face_index", "style", "loopable", "emotion_strength"}


def setting_input(name: str) -> io.Input:
    """The widget of one setting."""
    field = TABLE[name]
    limits, tooltip = field.metadata, field.metadata["help"]
    if limits["choices"]:
        item = io.Combo.Input(name, options=list(limits["choices"]), default=field.default, tooltip=tooltip)
    elif isinstance(field.default, bool):
        item = io.Boolean.Input(name, default=field.default, tooltip=tooltip)
    elif isinstance(field.default, int):
        item = io.Int.Input(
            name,
            default=field.default,
            min=limits["low"],
            max=limits["high"],
            step=limits["step"],
            control_after_generate=True if name == "seed" else None,
            tooltip=tooltip,
        )
    else:
        item = io.Float.Input(
            name,
            default=field.default,
            min=limits["low"],
            max=limits["high"],
            step=limits["step"],
            round=limits["step"],
            tooltip=tooltip,
        )
    return advanced(item) if name in RARE else item


def setting_inputs(names: Iterable[str]) -> list[io.Input]:
    return [setting_input(name) for name in names]


def later_setting_inputs(names: Iterable[str]) -> list[io.Input]:
    """Optional, so that prompts saved before they existed still run."""
    items = setting_inputs(names)
    for item in items:
        item.optional = True
    return items


PREPARE = ("duration", "length_policy", "min_resolution", "framing", "expand_ratio", "face_index", "style")
INFERENCE = ("seed", "inference_steps", "dynamic_scale", "motion_scale", "emotion", "emotion_strength")
LATER_PREPARE, LATER_INFERENCE = ("aspect",), ("loopable",)
"""Settings of later versions: last among a node's widgets, since saved workflows know widgets by their place."""
