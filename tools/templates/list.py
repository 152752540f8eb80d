"""All templates, in the order of their use."""

from .chain import FAST, HIGH_QUALITY
from .first import TALKING_PORTRAIT
from .uses import ALIGN, LARGE_PHOTO, LONG_RECORDING, SHARPER

TEMPLATES = (TALKING_PORTRAIT, FAST, HIGH_QUALITY, LONG_RECORDING, LARGE_PHOTO, SHARPER, ALIGN)
