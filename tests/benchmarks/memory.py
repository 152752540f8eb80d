"""Memory must not grow with the length of the clip: the peak of ten minutes against the peak of ten seconds."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .clips import generation
from .table import Row

TITLE = "Memory (lite, 512x512)"
SHORT_SECONDS, LONG_SECONDS = 10, 600


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        short, long = (generation(Path(name), seconds) for seconds in (SHORT_SECONDS, LONG_SECONDS))
    return [
        Row(f"peak of a {SHORT_SECONDS} s clip", short["peak_mb"], "MB"),
        Row(f"peak of a {LONG_SECONDS} s clip", long["peak_mb"], "MB"),
        Row("difference", long["peak_mb"] - short["peak_mb"], "MB", 150),
        Row(f"wall time of the {LONG_SECONDS} s clip", long["wall"], "s"),
        Row(f"CPU time of the {LONG_SECONDS} s clip", long["cpu"], "s"),
    ]
