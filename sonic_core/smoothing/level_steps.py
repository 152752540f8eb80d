"""Finds the frames at which the level of a whole picture jumps and stays, as between chunks that were decoded apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .level_change import NODES, Field

CUT = 20.0
"""Luma levels: half of the picture changes by more, so it is another scene."""
REACH = 5
"""Frames ahead, and behind, that say whether the new level stays."""
_USUAL_REACH = 12
"""Frames behind that say what is usual, with those ahead."""
_SMALLEST, _LARGEST = 0.4, 8.0
"""Luma levels of a chunk's step: less is not seen, more is a lamp and stays."""
_OVER_USUAL = 5.0
_STAYS = 0.5
"""Share of the step that must still be there in the frames after it: a flash goes back, a step does not."""
_MEMORY_FRAMES = 250
"""A closed step comes back this slowly (time constant), too slowly to see; so errors do not add up over a long clip."""
_DOUBTS = (3.0, 1.5, 1.0)


class StepFinder:
    """Takes the changes from frame to frame and hands them out again, REACH frames later, without the steps.

    Each comes with the offset that closes all steps before it.  A step over `_LARGEST` is taken out of the changes too, so that nothing
    is evened across it, but not closed.
    """

    def __init__(self) -> None:
        self._changes: deque[Field] = deque(maxlen=_USUAL_REACH + REACH + 1)
        self._undecided = 0
        self._offset = np.zeros((NODES, NODES, 3), np.float32)

    def add(self, change: Field) -> Iterator[tuple[Field, Field]]:
        """change: from the frame before to the newest; of the first frame it says nothing."""
        self._changes.append(change)
        self._undecided += 1
        if self._undecided > REACH:
            yield self._decided()

    def rest(self) -> Iterator[tuple[Field, Field]]:
        while self._undecided:
            yield self._decided()

    def _decided(self) -> tuple[Field, Field]:
        changes = np.stack(self._changes)
        here = len(changes) - self._undecided
        self._undecided -= 1
        step, seen = step_at(changes, here)
        self._offset = self._offset * np.float32(np.exp(-1 / _MEMORY_FRAMES)) - (step if seen else 0)
        return changes[here] - step, self._offset


def step_at(changes: NDArray[np.float32], here: int) -> tuple[Field, bool]:
    """The step at index `here` of changes `[T, NODES, NODES, 3]`, 0 where there is none; and whether it is one between chunks."""
    none = np.zeros_like(changes[here]), False
    others = np.delete(changes, here, axis=0)
    if not len(others):
        return none
    usual = np.median(others, axis=0)
    step = changes[here] - usual
    size = _broad_size(step)
    if size < max(_SMALLEST, _OVER_USUAL * float(np.median([_broad_size(other - usual) for other in others]))):
        return none
    levels = np.concatenate([np.zeros_like(changes[:1]), np.cumsum(changes, axis=0)])
    after, before = levels[here + 1 : here + 1 + REACH], levels[max(0, here + 1 - REACH) : here + 1]
    stayed = np.median(after, axis=0) - np.median(before, axis=0)
    if (stayed * step).sum() < _STAYS * np.square(step).sum():
        return none
    return _smooth(step), size <= _LARGEST


def _broad_size(field: Field) -> float:
    """Levels by which half of the picture changes; a mouth that opens is less than half of it."""
    return float(np.median(np.abs(field).max(axis=2)))


def _smooth(step: Field) -> Field:
    """The field as a polynomial of second degree in x and y, fitted so that parts which do something of their own count for little."""
    y, x = np.mgrid[-1 : 1 : NODES * 1j, -1 : 1 : NODES * 1j].reshape(2, -1)
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    values = step.reshape(-1, 3).astype(np.float64)
    fit = np.broadcast_to(np.median(values, axis=0), values.shape)
    for doubt in _DOUBTS:
        weight = 1 / np.square(1 + np.square((values - fit) / doubt).mean(axis=1))
        weighted = terms.T * weight
        fit = terms @ np.linalg.solve(weighted @ terms + 1e-3 * np.eye(terms.shape[1]), weighted @ values)
    return fit.reshape(step.shape).astype(np.float32)
