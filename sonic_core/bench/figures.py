"""What was measured: figures by the side of the picture, as JSON values and as one table."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..digits import three_digits

EVERY_SIZE = ""
"""Column of a value that does not depend on the picture's size; it stands in the first one."""
GAP = "   "


@dataclass(frozen=True)
class Figure:
    """A line of the table.

    name: in JSON.  title, unit: in words.  values: by column, a side in px or EVERY_SIZE.  worked_out: columns that were computed from
    others or counted beforehand, not measured; the table marks them with ~.
    """

    name: str
    title: str
    unit: str
    values: Mapping[str, float]
    worked_out: frozenset[str] = field(default_factory=frozenset)

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "unit": self.unit,
            "values": {column: _rounded(value) for column, value in self.values.items()},
            "worked_out": sorted(self.worked_out),
        }

    @classmethod
    def from_json(cls, name: str, stored: Mapping[str, Any]) -> Figure:
        """Raises KeyError, TypeError, ValueError and AttributeError for what `as_json` has not made."""
        values = {str(column): float(value) for column, value in stored["values"].items()}
        return cls(name, str(stored["title"]), str(stored["unit"]), values, frozenset(stored["worked_out"]))


@dataclass(frozen=True)
class Section:
    """Figures that belong together, under a heading."""

    title: str
    figures: Sequence[Figure]


def table(
    sections: Iterable[Section],
    columns: Sequence[str],
    before: Mapping[str, Figure] | None = None,
    words: Callable[[str], str] = str,
) -> list[str]:
    """Lines of one table.  columns: sides in px.  before: figures of an earlier run, now / before stands in brackets.

    words: translates headings, titles and units.
    """
    rows: list[tuple[str, ...]] = [(words("side of the picture, px"), *columns, "")]
    headings = {}
    for section in sections:
        headings[len(rows)] = words(section.title)
        for figure in section.figures:
            earlier = (before or {}).get(figure.name)
            values = (_cell(figure, column, columns[0], earlier) for column in columns)
            rows.append((f"  {words(figure.title)}", *values, words(figure.unit)))
    widths = [max(width(row[place]) for row in rows) for place in range(len(columns) + 1)]
    lines = []
    for index, (title, *cells, unit) in enumerate(rows):
        if index in headings:
            lines += ["", headings[index]]
        padded = (" " * (w - width(cell)) + cell for w, cell in zip(widths[1:], cells, strict=True))
        lines.append(f"{title}{' ' * (widths[0] - width(title))}{GAP}{GAP.join(padded)}{GAP}{unit}".rstrip())
    return lines


def width(text: str) -> int:
    """Places that a text takes in a terminal: Chinese signs take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _cell(figure: Figure, column: str, first: str, earlier: Figure | None) -> str:
    place = EVERY_SIZE if EVERY_SIZE in figure.values and column == first else column
    if place not in figure.values:
        return "" if EVERY_SIZE in figure.values else "-"
    value = figure.values[place]
    text = f"{'~' if place in figure.worked_out else ''}{three_digits(value)}"
    if earlier is None or not earlier.values.get(place):
        return text
    return f"{text} (x{value / earlier.values[place]:.2f})"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
