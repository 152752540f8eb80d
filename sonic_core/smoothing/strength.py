"""How much smoothing: one number that every method takes."""

from __future__ import annotations

from ..errors import SettingsError


def checked_strength(strength: float) -> float:
    """Raises SettingsError beyond 0 to 1."""
    if not 0 <= strength <= 1:
        raise SettingsError(f"smoothing strength is {strength}; expected 0 (untouched) to 1 (as calm as possible).")
    return strength
