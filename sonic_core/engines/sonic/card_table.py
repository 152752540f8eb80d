"""The table of a card: seconds of work for each second of video by preset, and what they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...digits import three_digits


@dataclass(frozen=True)
class CardRow:
    """One size.  plan: in words.  planned, peak: GiB (peak None = the device does not tell).  measured: False = counted, not run.

    full, shallow: seconds of a pass of one branch over a window.  decode: seconds of a key frame.  presets: seconds of work for each second
    of video, by preset.
    """

    side: int
    plan: str
    planned: float
    peak: float | None
    full: float
    shallow: float
    decode: float
    presets: Mapping[str, float]
    measured: bool = True


@dataclass(frozen=True)
class Card:
    """device: in words.  random: weights were random, which changes no time.  rows: by size.  faults: what was left out and why."""

    device: str
    precision: str
    compiled: bool
    random: bool
    rows: Sequence[CardRow]
    faults: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self, machine: Mapping[str, str]) -> list[str]:
        """The table in Markdown, ready to paste.  machine: what it must be read with, by name."""
        presets = list(self.rows[0].presets) if self.rows else []
        head = [
            "px",
            *presets,
            "one pass, s",
            "outer layers, s",
            "key frame decoded, s",
            "GiB planned",
            "GiB at most",
            "plan",
        ]
        weights = "random weights of the published size" if self.random else "own weights"
        how = f"{self.precision}, {'compiled' if self.compiled else 'not compiled'}, {weights}"
        return [
            f"**{self.device}**, {how}; {', '.join(f'{name} {value}' for name, value in machine.items())}",
            "",
            "Seconds of work for each second of video (25 steps, 20 s), by preset:",
            "",
            _line(head),
            _line(["---"] * len(head)),
            *(_line(_cells(row)) for row in self.rows),
            "",
            "~ is counted, not measured.",
        ]


def _cells(row: CardRow) -> list[str]:
    mark = "" if row.measured else "~"
    times = (*row.presets.values(), row.full, row.shallow, row.decode)
    peak = "-" if row.peak is None else f"{row.peak:.1f}"
    return [str(row.side), *(f"{mark}{three_digits(value)}" for value in times), f"{row.planned:.1f}", peak, row.plan]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
