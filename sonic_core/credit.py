"""A model that took part in a clip, and the licence of its weights: what engines declare and finished files name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Credit:
    """A model that took part, and the licence of its weights."""

    name: str
    licence: str
