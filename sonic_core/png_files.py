"""Frames and texts that stand in PNG files, read at the same door as media (opening.py): regular files, bounded memory."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import SonicError
from .opening import check_regular, reason

MOST_PIXELS = 100_000_000
"""Of a frame that stands in a PNG: 300 MB while it is decoded."""


def read_png(path: Path, error: type[SonicError], expected: str) -> tuple[Any, dict[str, str]]:
    """Pixels of a PNG, uint8 [H, W, 3] or with opacity [H, W, 4], and its texts.

    Raises as `opening.opened` does, also for more pixels than MOST_PIXELS.
    """
    import numpy as np

    with _png(path, error, expected) as picture:
        return np.asarray(picture.convert("RGBA" if picture.has_transparency_data else "RGB")), _texts(picture)


def png_texts(path: Path, error: type[SonicError], expected: str) -> dict[str, str]:
    """The texts of a PNG alone: its pixels are not decoded."""
    with _png(path, error, expected) as picture:
        return _texts(picture)


@contextmanager
def _png(path: Path, error: type[SonicError], expected: str) -> Iterator[Any]:
    from PIL import Image

    check_regular(path, error, expected)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the bound below is ours
            with Image.open(path, formats=["PNG"]) as picture:
                width, height = picture.size
                if width * height > MOST_PIXELS:
                    raise error(
                        f"{path.name} is {width} x {height} pixels; at most {MOST_PIXELS / 1e6:.0f} megapixels are decoded. {expected}"
                    )
                yield picture
    except Image.DecompressionBombError:
        raise error(f"{path.name} is larger than any frame of a video. {expected}") from None
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error) as problem:
        raise error(f"{path.name} cannot be read as a PNG ({reason(problem)}). {expected}") from problem


def _texts(picture: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in getattr(picture, "text", {}).items()}
