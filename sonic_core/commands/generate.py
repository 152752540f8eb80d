"""`generate`: one picture and one recording in, a talking video out."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import SettingsError
from .clip_report import add_report, check_report, write_report
from .engine_options import add_engine, check_long_work
from .estimate import tell_estimate, tell_plan
from .interpolate import add_interpolation
from .job_options import job_from
from .options import add_background, add_encoding, add_labels, add_recording, add_settings, add_smoothing
from .portrait_options import add_face_choices

if TYPE_CHECKING:
    from ..audio.clip import AudioClip
    from ..portrait.portrait import Portrait
    from .console import Console

PIPE = Path("-")
HELP = "make a talking video from a picture and a recording"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", required=True, type=Path, metavar="FILE", help="The picture: png, jpg, webp, ...")
    add_recording(parser)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.mp4",
        help="The video to make: .mp4, .webm, .mov, .gif, or .png for a folder of pictures; - with --audio - writes fragmented mp4 "
        "to stdout while the sound arrives. Only --estimate needs none.",
    )
    add_common_arguments(parser)


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Engine, settings and encoding: what `demo` offers too."""
    add_engine(parser)
    add_face_choices(parser)
    add_settings(parser)
    add_encoding(parser)
    add_background(parser)
    add_smoothing(parser)
    add_frame_rate(parser)
    add_labels(parser)
    add_report(parser)


def add_frame_rate(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("frame rate")
    group.add_argument(
        "--output-fps",
        type=float,
        metavar="N",
        help="Frames per second of the video, 1 to 240, with new frames between the engine's. Default: the engine's own, 25.",
    )
    add_interpolation(group)


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    if PIPE in (args.audio, args.output):
        from .piping import speak_through_pipes

        return speak_through_pipes(args, console)
    if args.output is None and not args.estimate:
        raise SettingsError("--output is missing: name the video to make.")
    return make_video(args, console)


def make_video(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Make the video that the arguments ask for; says what was understood before and what was made after."""
    check_long_work(args)
    job = job_from(args)

    from ..keeping import Kept
    from ..media.probe import probe
    from ..media.writer import check_output
    from ..pipeline import generate, load

    start = time.perf_counter()
    check_report(args.report)
    if args.estimate:
        return tell_estimate(job, console)
    output = cast(Path, job.output)  # asked by whoever calls
    check_output(output, job.encoding)
    loaded = load(job, console)
    engine, portrait, audio = loaded.engine, loaded.portrait, loaded.audio
    for line in [*describe_portrait(portrait), *describe_audio(audio)]:
        console.say(line)
    tell_plan(job, loaded, console)
    kept = None if engine.declaration.cheap_trial else Kept(kept_latents(output), args.resume)
    made = generate(job, loaded, console, kept)
    seconds = time.perf_counter() - start
    quality = None
    if args.report:
        quality = write_report(made.path, args.report, args.overwrite, console, made.warnings)
    for note in made.notes:
        if note not in audio.notes:
            console.say(f"Note:    {note}")
    video = probe(made.path)
    console.say(
        f"Done:    {made.path}  ({made.duration:.2f} s, {video.width}x{video.height}, {video.fps:g} fps, "
        f"{video.size_bytes / 1e6:.1f} MB, made in {seconds:.1f} s)"
    )
    return {
        "output": str(made.path),
        "frames": made.frames,
        "duration": made.duration,
        "width": video.width,
        "height": video.height,
        "fps": video.fps,
        "size_bytes": video.size_bytes,
        "seconds": round(seconds, 3),
        "engine": engine.name,
        "settings": asdict(job.settings),
        "notes": list(made.notes),
        "portrait": asdict(portrait.report),
        **({"quality": quality} if quality else {}),
    }


def kept_latents(output: Path) -> Path:
    """Where the latents of a video are kept until it is complete."""
    return output.with_name(f"{output.stem}.latents.safetensors")


def describe_portrait(portrait: Portrait) -> list[str]:
    """Size and face in a line, then the advice of the quality report."""
    report = portrait.report
    if not report.faces_found:
        return [
            f"Picture: {portrait.name}, {portrait.width}x{portrait.height}, speech acts in {report.face_px:.0f} px marked by hand",
            *(f"Advice:  {advice}" for advice in report.advice),
        ]
    faces = "1 face" if report.faces_found == 1 else f"face {portrait.face_index} of {report.faces_found}"
    return [
        f"Picture: {portrait.name}, {portrait.width}x{portrait.height}, {faces}, {report.face_px:.0f} px wide, "
        f"turned {abs(report.yaw):.0f} degrees",
        *(f"Advice:  {advice}" for advice in report.advice),
    ]


def describe_audio(audio: AudioClip) -> list[str]:
    """Length, rate and channels in a line, then what was adjusted while loading."""
    channels = {1: "mono", 2: "stereo"}.get(len(audio.samples), f"{len(audio.samples)} channels")
    return [
        f"Audio:   {audio.name}, {audio.duration:.2f} s, {audio.rate} Hz, {channels}",
        *(f"Note:    {note}" for note in audio.notes),
    ]
