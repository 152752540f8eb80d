"""From arguments of the command line to a job: one table."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .engine_options import options_from
from .options import encoding_from, labels_from, settings_from, smoothing_from

if TYPE_CHECKING:
    from ..job import FaceChoice, Job

Arguments = argparse.Namespace


def _face(args: Arguments) -> FaceChoice:
    from ..job import FaceChoice

    return FaceChoice(args.face_box, args.mask, args.whole_image)


JOB: dict[str, Callable[[Arguments], Any]] = {
    "picture": lambda args: args.image,
    "picture_frame": lambda args: args.image_frame,
    "recording": lambda args: args.audio,
    "output": lambda args: args.output,
    "settings": settings_from,
    "engine": lambda args: args.engine,
    "options": options_from,
    "face": _face,
    "trim_silence": lambda args: args.trim_silence,
    "output_fps": lambda args: args.output_fps,
    "interpolation": lambda args: args.interpolation,
    "smoothing": smoothing_from,
    "encoding": encoding_from,
    "labels": labels_from,
    "tags": lambda args: {"title": args.output.stem} if args.output else {},
    "background": lambda args: args.background,
    "overwrite": lambda args: args.overwrite,
}
"""What each field of `Job` is made from."""


def job_from(args: Arguments) -> Job:
    """Raises SettingsError for everything that a job refuses."""
    from ..job import Job

    return Job(**{field: made_from(args) for field, made_from in JOB.items()})
