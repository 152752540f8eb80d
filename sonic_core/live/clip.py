"""A recording that arrives piece by piece, as frames as soon as they are settled: no clock, no silence added, as long as the recording."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from ..audio.arriving import Piece
from ..engines.streaming import HEARING_RATE, Moment, Stage
from ..frames import Frame, exact_rate
from ..settings import Settings
from .intake import Intake

PIECE = 0.25
"""s; larger pieces are taken in parts, so that frames come out in between."""


def streamed_frames(stage: Stage, settings: Settings, pieces: Iterable[Piece]) -> Iterator[Frame]:
    """Frames of a recording, each `stage.look_ahead` to `look_ahead + step` frames after its sound; round(duration * fps), at least one.

    Raises AudioError for what is no sound, and what `pieces` raises.
    """
    for moment in streamed_moments(stage, settings, pieces):
        yield stage.draw(moment.pose)


def streamed_moments(stage: Stage, settings: Settings, pieces: Iterable[Piece]) -> Iterator[Moment]:
    """The same before it is drawn."""
    intake, performance = Intake(HEARING_RATE, longest=float("inf")), stage.perform(settings)
    frame = intake.ticks_per_second / stage.fps
    step, wanted, seconds, made = round(stage.step * frame), 0, Fraction(0), 0
    fps = exact_rate(stage.fps)
    moments: deque[Moment] = deque()

    def hear() -> None:
        moments.extend(performance.hear(intake.take(step).heard))

    skipped = stage.look_ahead  # a performance begins with that much silence
    for piece in pieces:
        for part in _in_parts(piece):
            intake.push(part.samples, part.rate)
            seconds += Fraction(part.samples.shape[-1], part.rate)
            while intake.ticks >= step:
                hear()
            while moments and skipped:
                moments.popleft()
                skipped -= 1
            wanted = round(seconds * fps)
            while moments and made < wanted:
                yield moments.popleft()
                made += 1
    intake.end()
    wanted = max(1, round(seconds * fps))
    silence = np.zeros(step + 1, np.float32)
    while made < wanted:
        if moments and skipped:
            moments.popleft()
            skipped -= 1
        elif moments:
            yield moments.popleft()
            made += 1
        else:
            intake.push(silence, HEARING_RATE)
            hear()


def _in_parts(piece: Piece) -> Iterator[Piece]:
    size = max(1, round(PIECE * piece.rate))
    for first in range(0, piece.samples.shape[-1], size):
        yield Piece(piece.samples[..., first : first + size], piece.rate)
