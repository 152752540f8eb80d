"""Names of the ways to make frames between frames, and which rates there are; apart from the code, which need not be loaded for them."""

from __future__ import annotations

from ..errors import SettingsError

INTERPOLATORS = ("auto", "rife", "flow")
"""auto = RIFE where its weights are, else optical flow."""
MIN_FPS, MAX_FPS = 1.0, 240.0


def check_fps(fps: float) -> None:
    """Raises SettingsError for a frame rate that no video shall have."""
    if not MIN_FPS <= fps <= MAX_FPS:
        raise SettingsError(f"fps is {fps}; expected {MIN_FPS:g} to {MAX_FPS:g} frames per second.")


def check_interpolator(name: str) -> None:
    """Raises SettingsError for an unknown name."""
    if name not in INTERPOLATORS:
        raise SettingsError(f"interpolation is {name!r}; expected one of {', '.join(INTERPOLATORS)}.")
