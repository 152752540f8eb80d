"""`align`: how late or early the sound of a video is against the mouth; a copy in which they are together."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OutputError, SettingsError
from ..judging.methods import DEFAULT_TOLERANCE_MS, METHODS

if TYPE_CHECKING:
    from ..judging.clip_alignment import ClipAlignment
    from ..judging.synchrony import SyncReport
    from .console import Console

HELP = "measure how late or early the sound of a video is against the mouth, and put it right"
LARGEST_TOLERANCE_MS = 500.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="CLIP.mp4", help="Any video with one visible face that speaks.")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FIXED.mp4",
        help="The corrected copy: .mp4, .m4v, .mov, .mkv or .webm. Default: CLIP_aligned.mp4 beside the clip.",
    )
    parser.add_argument("--measure-only", action="store_true", help="Say what is wrong and change nothing.")
    parser.add_argument(
        "--method",
        choices=METHODS,
        default=METHODS[0],
        help="shift_audio moves the sound and copies the picture as it is; shift_frames moves whole frames and encodes "
        f"the picture anew. Default {METHODS[0]}.",
    )
    parser.add_argument(
        "--tolerance-ms",
        type=float,
        default=DEFAULT_TOLERANCE_MS,
        metavar="N",
        help=f"Offsets up to this are left alone: nobody sees them. Default {DEFAULT_TOLERANCE_MS:g}, 0 to 500.",
    )
    parser.add_argument(
        "--keep-drift",
        action="store_true",
        help="Do not change the speed of the sound where the offset grows along the clip; only move it.",
    )
    parser.add_argument("--chart", type=Path, metavar="CHART.png", help="Draw what was measured, before and after.")
    parser.add_argument(
        "--syncnet",
        type=Path,
        metavar="WEIGHTS",
        help="Also score with your copy of SyncNet (syncnet_v2.model): LSE-C and LSE-D, before and after.",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="Replace the output file; without it a new name is found: name_1.mp4."
    )


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    _check(args)
    from ..judging.clip_alignment import align_clip, judge_clip
    from ..judging.syncnet import SyncNet
    from ..threads import one_thread

    net = SyncNet.load(args.syncnet) if args.syncnet else None
    with one_thread():
        done = align_clip(
            args.file,
            args.output,
            args.method,
            args.tolerance_ms,
            measure_only=args.measure_only,
            drift=not args.keep_drift,
            overwrite=args.overwrite,
            progress=console,
        )
    for line in describe(done):
        console.say(line)
    scores: dict[str, float | None] = {}
    for when, path in (("", args.file), ("_after", done.output)):
        if net is not None and path is not None:
            score = judge_clip(path, net, console)
            console.say(
                f"SyncNet: LSE-C {score.lse_c:.3f}, LSE-D {score.lse_d:.3f}, {score.offset_ms:+.0f} ms: {path.name}"
            )
            named = {"lse_c": score.lse_c, "lse_d": score.lse_d, "syncnet_offset_ms": score.offset_ms}
            scores |= {f"{name}{when}": _number(value, 4) for name, value in named.items()}
    chart = draw_chart(done, args.chart, args.overwrite, console.language) if args.chart else None
    if chart:
        console.say(f"Chart:   {chart}")
    console.say(f"Video:   {done.output}" if done.output else "Video:   none written")
    return {"file": str(args.file), **as_dict(done), **scores, "chart": str(chart) if chart else None}


def describe(done: ClipAlignment) -> list[str]:
    """A line per subject."""
    lines = [f"Before:  {in_words(done.before)}"]
    if done.after is not None:
        lines.append(f"After:   {in_words(done.after)}")
    return [*lines, *(f"Note:    {note}" for note in done.notes)]


def in_words(report: SyncReport) -> str:
    """The offset for a person: which side is late and by how much, and how sure that is."""
    if report.too_short:
        return f"too short to be sure of the offset (confidence {report.confidence:.2f})"
    if not report.trusted:
        return f"sound and mouth do not match well enough to say (confidence {report.confidence:.2f})"
    side = "late" if report.offset_ms > 0 else "early"
    words = f"sound {abs(report.offset_ms):.0f} ms {side} (confidence {report.confidence:.2f})"
    if report.drifting:
        start, end = report.offset_at(0), report.offset_at(report.seconds)
        words += f", growing by {report.drift_ms_per_minute:+.0f} ms per minute: from {start:+.0f} ms to {end:+.0f} ms"
    return words


def as_dict(done: ClipAlignment) -> dict[str, Any]:
    """JSON values; null where something could not be measured."""
    before, after = done.before, done.after
    return {
        "offset_ms": _number(before.offset_ms),
        "confidence": _number(before.confidence, 3),
        "trusted": before.trusted,
        "drift_ms_per_minute": _number(before.drift_ms_per_minute),
        "drifting": before.drifting,
        "offset_start_ms": _number(before.offset_at(0)),
        "offset_end_ms": _number(before.offset_at(before.seconds)),
        "offset_after_ms": _number(after.offset_ms) if after else None,
        "confidence_after": _number(after.confidence, 3) if after else None,
        "drift_after_ms_per_minute": _number(after.drift_ms_per_minute) if after else None,
        "shift_ms": _number(done.shift_ms),
        "seconds": _number(before.seconds, 2),
        "face_share": _number(before.found_share, 3),
        "output": str(done.output) if done.output else None,
        "notes": list(done.notes),
    }


def draw_chart(done: ClipAlignment, path: Path, overwrite: bool, language: str) -> Path:
    import cv2

    from ..judging.sync_chart import sync_chart
    from ..media.pending_file import write_complete

    picture = sync_chart(done.before, done.after, language=language)
    return write_complete(path, cv2.imencode(".png", picture[..., ::-1])[1].tobytes(), overwrite)


def _check(args: argparse.Namespace) -> None:
    """SettingsError and OutputError before long work, not after it."""
    if not 0 <= args.tolerance_ms <= LARGEST_TOLERANCE_MS:
        raise SettingsError(f"--tolerance-ms is {args.tolerance_ms:g}; expected 0 to {LARGEST_TOLERANCE_MS:g}.")
    if args.measure_only and args.output:
        raise SettingsError("--measure-only writes no video. Leave out --output or --measure-only.")
    if args.chart and args.chart.suffix.lower() != ".png":
        raise OutputError(f"The chart {args.chart} cannot be written: give a name that ends in .png.")
    from ..media.pending_file import check_writable
    from ..media.remux import container_for

    if args.chart:
        check_writable(args.chart)
    if args.output:
        container_for(args.output)


def _number(value: float, digits: int = 1) -> float | None:
    return round(float(value), digits) + 0.0 if math.isfinite(value) else None
