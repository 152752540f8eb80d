"""Which temporal smoothing a user wants: known, and checked, without loading it."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SettingsError
from ..frames import FrameStream
from .strength import checked_strength

METHOD_NAMES = ("none", "ema", "flow_ema", "median3")


@dataclass(frozen=True)
class Smoothing:
    """A method and its strength, 0-1; SettingsError for anything else."""

    method: str = "none"
    strength: float = 0.5

    def __post_init__(self) -> None:
        if self.method not in METHOD_NAMES:
            raise SettingsError(f"smoothing method is {self.method!r}; expected one of {', '.join(METHOD_NAMES)}.")
        checked_strength(self.strength)

    @property
    def acts(self) -> bool:
        """Whether frames are changed at all."""
        return self.method != "none" and self.strength > 0

    def __call__(self, frames: FrameStream) -> FrameStream:
        if not self.acts:
            return frames
        from .methods import METHODS

        return METHODS[self.method](frames, self.strength)
