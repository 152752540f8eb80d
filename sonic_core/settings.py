"""The user's settings: one table of names, defaults, ranges and meanings for nodes, command line and library."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from .errors import SettingsError

LENGTH_POLICIES = ("strict", "trim", "pad")
FRAMINGS = ("full", "face", "paste_back")
ASPECTS = ("picture", "9:16", "3:4", "1:1", "4:3", "16:9")
STYLES = ("auto", "photo", "cartoon", "statue")
EMOTIONS = ("neutral", "happy", "sad", "angry", "surprised", "auto")
FEW_STEPS = 10
LEAST_RESOLUTION = 256
KIND_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}
"""What a value of a kind is called where somebody gave another one."""


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    return field(default=default, metadata={"help": help, "low": low, "high": high, "step": step, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """Everything a user may choose about a clip; checked on construction (`SettingsError`)."""

    duration: float = setting(0.0, "Seconds of video; 0 = the length of the audio.", low=0, high=36_000, step=0.01)
    length_policy: str = setting(
        "strict",
        "When duration and audio differ: strict = error, trim = cut the longer, pad = add silence.",
        choices=LENGTH_POLICIES,
    )
    min_resolution: int = setting(
        0,
        "Short side of the generated picture in pixels, 256 to 1536; 0 = what suits the engine: the picture's own up to 1080, or the size "
        "that its networks were trained at.",
        low=0,
        high=1536,
        step=64,
    )
    expand_ratio: float = setting(
        0.18, "Margin kept around the face box in the face framings (0.15-0.2 advised).", low=0, high=1, step=0.01
    )
    inference_steps: int = setting(25, "Denoising steps (20-30 advised).", low=1, high=100, step=1)
    dynamic_scale: float = setting(
        1.1, "Amplitude of mouth and expression (1.0-1.2 advised).", low=0, high=2, step=0.05
    )
    motion_scale: float = setting(
        1.05, "Amplitude of head motion (1.0-1.1 advised); 0 = still head, still blinking.", low=0, high=2, step=0.05
    )
    seed: int = setting(
        0, "The same seed gives the same frames; 0 is a seed like any other.", low=0, high=2**64 - 1, step=1
    )
    emotion: str = setting(
        "neutral", "What the face shows besides speech; auto = as lively as the voice sounds.", choices=EMOTIONS
    )
    emotion_strength: float = setting(0.6, "How strongly the emotion shows; 0 = not at all.", low=0, high=1, step=0.05)
    framing: str = setting(
        "full",
        "full = whole picture, face = crop around the face, paste_back = crop animated inside the original picture.",
        choices=FRAMINGS,
    )
    aspect: str = setting(
        "picture", "Shape of the video, width to height: cut out around the face; picture = its own.", choices=ASPECTS
    )
    loopable: bool = setting(
        False, "Begin and end in the picture's own pose, so that the clip repeats and joins without a jump."
    )
    face_index: int = setting(
        0, "Which face speaks; faces are sorted by size, 0 is the largest.", low=0, high=63, step=1
    )
    style: str = setting(
        "auto", "How mouth interior and lids are drawn; auto decides from the picture.", choices=STYLES
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            value: Any = getattr(self, item.name)
            low, high, choices = (
                item.metadata["low"],
                item.metadata["high"],
                item.metadata["choices"],
            )
            wanted = type(item.default)
            accepted = (int, float) if wanted is float else wanted
            if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
                raise SettingsError(
                    f"{item.name} is {value!r}, a {type(value).__name__}; expected a {KIND_WORDS[wanted]}."
                )
            if choices and value not in choices:
                raise SettingsError(f"{item.name} is {value!r}; expected one of {', '.join(choices)}.")
            if item.name == "min_resolution" and 0 < self.min_resolution < LEAST_RESOLUTION:
                raise SettingsError(
                    f"min_resolution is {value}; expected {LEAST_RESOLUTION} to {high:g}, or 0. {item.metadata['help']}"
                )
            if low is not None and not low <= value <= high:
                raise SettingsError(f"{item.name} is {value}; expected {low} to {high}. {item.metadata['help']}")

    @property
    def notes(self) -> tuple[str, ...]:
        """What works but will hardly please, in plain words."""
        if self.inference_steps < FEW_STEPS:
            return (f"inference_steps is {self.inference_steps}, enough for a draft; 20-30 are advised.",)
        return ()
