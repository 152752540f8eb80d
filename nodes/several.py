"""A node that takes lists: one clip for each entry of the longest, and a failing one beside those that are made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ..sonic_core.errors import SettingsError, SonicError
from .progress import Part

log = logging.getLogger(__name__)
Made = TypeVar("Made")
Row = dict[str, Any]


def rows_of(lists: Mapping[str, Sequence[Any]]) -> list[Row]:
    """As many as the longest list has entries; a shorter one goes on with its last, as ComfyUI does it.

    Raises SettingsError for a list without entries.
    """
    for name, values in lists.items():
        if not values:
            raise SettingsError(f"{name} is an empty list. Connect at least one.")
    count = max(map(len, lists.values()), default=0)
    return [{name: values[min(i, len(values) - 1)] for name, values in lists.items()} for i in range(count)]


def one_by_one(
    rows: Sequence[Row], make: Callable[[Row, Part], Made], weights: Sequence[float]
) -> tuple[list[Made], dict[int, str]]:
    """What is made of each row, and the messages of those that failed, by number from 1.

    weights: how long each takes, in any unit.  Raises the error of a single row, or one that tells every message where none was made;
    whatever is no SonicError, Cancel above all, passes.
    """
    made, failed = [], {}
    first: SonicError | None = None
    for part, row in zip(_parts(weights), rows, strict=True):
        try:
            made.append(make(row, part))
        except SonicError as error:
            if len(rows) == 1:
                raise
            first = first or error
            failed[part.number] = f"Clip {part.number} of {part.count} was not made: {error}"
            log.warning("%s", failed[part.number])
    if first is not None and not made:
        raise type(first)("\n".join(failed.values())) from first
    return made, failed


def _parts(weights: Sequence[float]) -> Iterator[Part]:
    whole, start = sum(weights) or 1.0, 0.0
    for number, weight in enumerate(weights, start=1):
        yield Part(number, len(weights), start, weight / whole)
        start += weight / whole
