"""The portrait renderer: a still picture, warped, torn open at the lips and relit by animation parameters."""

from .renderer import PortraitRenderer

__all__ = ["PortraitRenderer"]
