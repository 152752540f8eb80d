"""What a benchmark hands back: rows of measured values, with the target each must reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured value.  target: the largest (or, with `at_least`, the smallest) value that will do; None = only to be known."""

    what: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool:
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target

    def cells(self) -> tuple[str, str, str, str]:
        target = "" if self.target is None else f"{'>=' if self.at_least else '<='} {self.target:g}"
        verdict = "" if self.target is None else "yes" if self.met else "NO"
        return self.what, f"{self.value:.4g} {self.unit}", target, verdict


def markdown(title: str, rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [("what", "measured", "target", "reached"), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    drawn = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([f"### {title}", "", drawn[0], rule, *drawn[1:], ""])
