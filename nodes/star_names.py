"""Files of a folder by names with stars, in the order in which people count."""

from __future__ import annotations

import re
from pathlib import Path, PurePath


def files_like(folder: Path, pattern: str) -> list[str]:
    """Files below a folder by a name such as `script/*.wav`, with `/` between folders; 2 before 10.

    A star stands for any part of a name, `**` alone for folders within folders, everything else for itself.  None for a name that leads
    out of the folder; links are not looked behind.
    """
    path = PurePath(pattern)
    if leads_out(path):
        return []
    try:
        found = [file for file in folder.glob("/".join(map(_plain_but_stars, path.parts))) if file.is_file()]
    except (OSError, ValueError):  # too long for a name, or a zero byte in it
        return []
    return sorted((file.relative_to(folder).as_posix() for file in found), key=_by_number)


def leads_out(path: PurePath) -> bool:
    """Whether a name leads elsewhere than below the folder it is counted from: up, to the root or to a drive."""
    return bool(path.anchor) or ".." in path.parts


def _plain_but_stars(part: str) -> str:
    """One folder or file of a pattern, without what `Path.glob` knows beside stars."""
    return part if part == "**" else re.sub(r"[?[]", r"[\g<0>]", re.sub(r"\*+", "*", part))


def _by_number(name: str) -> list[tuple[int, str]]:
    """Key that sorts figures within names by value."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", name) if part]
