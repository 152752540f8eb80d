"""What shall stand behind a picture with transparent parts: nothing, a colour or another picture; checked without reading it."""

from __future__ import annotations

import re
from pathlib import Path

from .errors import SettingsError

TRANSPARENT = "transparent"
_COLOUR = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
HELP = (
    "Behind a picture with transparent parts: transparent (kept in .webm, .mov and .png), a colour such as #00ff00, or a picture. "
    "Default: transparent where the file can be, else white."
)


def background_of(text: str) -> str | tuple[int, int, int] | Path:
    """A user's words as "" (as the file allows), TRANSPARENT, a colour (red, green, blue, 0-255) or the path of a picture.

    Raises SettingsError for a colour that is none.
    """
    text = text.strip()
    if text.lower() in ("", TRANSPARENT):
        return text.lower()
    if not text.startswith("#"):
        return Path(text).expanduser()
    if not _COLOUR.fullmatch(text):
        raise SettingsError(f"background is {text!r}; expected a colour such as #00ff00, 'transparent' or a picture.")
    digits = text[1:] if len(text) == 7 else "".join(2 * digit for digit in text[1:])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
