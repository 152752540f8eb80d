"""Numbers as people read them in a table."""

from __future__ import annotations

import math


def three_digits(value: float) -> str:
    """48700 -> "48,700", 48.72 -> "48.7", 0.000012 -> "0.000012": the digits that matter, never a power of ten."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    places = 2 - math.floor(math.log10(abs(value))) if value else 0
    shown = f"{value:.{places}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
