"""`generate --audio - --output -`: sound from stdin as it comes, fragmented mp4 to stdout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..between.interpolators import INTERPOLATORS
from ..errors import SettingsError
from ..settings import Settings
from .job_options import job_from

if TYPE_CHECKING:
    from .console import Console

NEEDS_THE_WHOLE = ("trim_silence", "report", "output_fps", "estimate", "resume")
"""Options that need the whole recording or the finished file."""
OF_THE_WHOLE = ("duration", "length_policy", "inference_steps", "loopable")
"""Settings that do."""


def speak_through_pipes(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Raises SettingsError for options that need the whole recording and for engines that do not stream."""
    if str(args.audio) != "-" or str(args.output) != "-":
        raise SettingsError(
            "--audio - and --output - go together: sound from stdin, fragmented mp4 to stdout. Give both, or two files."
        )
    if args.json:
        raise SettingsError("--json writes to stdout, which carries the video with --output -. Leave one of them out.")
    job = job_from(args)
    settings, labels = job.settings, job.labels
    given = [name for name in NEEDS_THE_WHOLE if getattr(args, name, None)]
    given += [name for name in OF_THE_WHOLE if getattr(settings, name) != getattr(Settings, name)]
    given += ["interpolation"] if job.interpolation != INTERPOLATORS[0] else []
    given += ["smooth"] if job.smoothing.acts else []
    given += ["c2pa_cert"] if labels.signing else []
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise SettingsError(f"{names} needs the whole recording; with --audio - it is spoken as it comes. Use files.")
    if not job.declaration.streams:
        raise SettingsError(f"The {job.engine} engine needs the whole recording; --audio - needs one that streams.")
    console.stdout_is_taken = True

    from ..engines.base import Origin
    from ..engines.registry import load_engine
    from ..live.pipe import Look, speak_through
    from ..pipeline import portrait_for
    from ..transparency import ground_for, laid_over

    portrait, _ = portrait_for(job, console)
    ground = ground_for(portrait, job.background, job.declaration, Path("standard output"), job.encoding)
    tags = job.provenance(Origin(portrait.digest)).tags()
    stage = load_engine(job.engine, **job.options).stage(laid_over(portrait, ground.behind), settings)
    for note in (*ground.notes, *stage.notes):
        console.say(f"Note:    {note}")
    look = Look(job.encoding, tags, labels.visible)
    frames = speak_through(stage, settings, sys.stdin.buffer, sys.stdout.buffer, look)
    return {"frames": frames, "engine": job.engine}
