"""`batch`: many clips from a table or from folders, each made exactly once, in an output folder that remembers what is done.

Exit code 0: every clip is done and within the limits; 1: some failed, were rejected or not made; 2: the table or a setting is wrong.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError
from .engine_options import add_engine
from .generate import add_frame_rate
from .job_options import JOB
from .options import add_background, add_encoding, add_labels, add_settings, add_smoothing
from .portrait_options import add_face_choices

if TYPE_CHECKING:
    from ..jobs.batch import Crew, Report, State
    from ..jobs.ledger import Ledger
    from ..jobs.plan import Plan
    from ..jobs.table import Row
    from .console import Console

HELP = "make many videos from a table, or from folders of pictures and recordings"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "jobs",
        nargs="?",
        type=Path,
        metavar="JOBS",
        help="CSV, JSONL or JSON: a row per clip; columns image, audio, output and any option of generate. Paths begin at its folder.",
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="Folder of the videos and of the report."
    )
    folders = parser.add_argument_group("instead of a table")
    folders.add_argument("--images", type=Path, metavar="DIR|FILE", help="One picture for all recordings, or a folder.")
    folders.add_argument(
        "--audio",
        type=Path,
        metavar="DIR|FILE",
        help="Recordings; with several pictures those of the same name belong together.",
    )
    folders.add_argument("--product", action="store_true", help="Every picture with every recording.")
    work = parser.add_argument_group("work")
    work.add_argument(
        "--check", action="store_true", help="Check everything, print the plan with its time, make no video."
    )
    work.add_argument("--workers", type=int, default=1, metavar="N", help="Processes that make clips. Default 1.")
    work.add_argument(
        "--devices",
        dest="worker_devices",
        default="",
        metavar="NAME,NAME",
        help="Devices for the workers in turn: cuda:0,cuda:1.",
    )
    work.add_argument("--retries", type=int, default=1, metavar="N", help="Further tries of a clip. Default 1.")
    work.add_argument(
        "--stop-after", type=int, default=0, metavar="N", help="Stop when N clips have failed. Default: never."
    )
    cluster = parser.add_argument_group("cluster (pip install 'sonic-portrait[ray]')")
    cluster.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="Make the clips on a Ray cluster, whose nodes see the output folder; without an address one is started here.",
    )
    cluster.add_argument("--cpus-per-worker", type=float, default=1.0, metavar="N", help="Of the cluster. Default 1.")
    cluster.add_argument(
        "--gpus-per-worker", type=float, default=0.0, metavar="N", help="Of the cluster, such as 0.5. Default 0."
    )
    judging = parser.add_argument_group("judging")
    judging.add_argument(
        "--skip-measuring", action="store_true", help="Do not measure sync and lips of the finished clips."
    )
    judging.add_argument(
        "--reject-offset", type=float, metavar="MS", help="Reject clips whose sound is further off than this."
    )
    judging.add_argument(
        "--reject-confidence", type=float, metavar="N", help="Reject clips with less sync confidence, 0 to 1."
    )
    add_engine(parser, without=("devices",))
    add_face_choices(parser)
    parser.add_argument("--trim-silence", action="store_true", help="Cut silence off both ends of every recording.")
    add_settings(parser)
    add_background(parser)
    add_encoding(parser)
    add_smoothing(parser)
    add_frame_rate(parser)
    add_labels(parser)


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    if find_spec("..jobs", __package__) is None:
        raise SettingsError(
            "This copy comes without batches, as ComfyUI's registry ships it. Install the whole with pip from a checkout."
        )
    from ..job import Job
    from ..jobs.batch import Crew
    from ..jobs.ledger import Ledger
    from ..jobs.plan import check
    from ..jobs.report import Limits
    from ..jobs.whole_batch import OF_EACH_CLIP, base_of, carried_out

    _check_arguments(args)
    base = {name: made_from(args) for name, made_from in JOB.items() if name not in OF_EACH_CLIP}
    values = base_of(Job(None, None, **base))
    limits = Limits(args.reject_offset, args.reject_confidence)
    devices = tuple(filter(None, (name.strip() for name in args.worker_devices.split(","))))
    crew = Crew(args.workers, devices, args.retries + 1, args.stop_after, not args.skip_measuring)
    begin = time.monotonic()
    ledger = Ledger(args.output)
    try:
        ledger.recover(crew.tries)
        folder = args.jobs.absolute().parent if args.jobs else Path.cwd()
        plan = check(_rows(args), ledger, values, folder, args.overwrite, devices)
        plan.raise_problems()
        console.say(_described(plan))
        if args.check:
            return _checked(plan, ledger, crew, console)
        state, written = carried_out(
            ledger,
            crew,
            limits,
            lambda owner: _worked_off(args, ledger, owner, crew, Display(console)),
            lambda written: console.say(f"Stopped. The same command goes on from here. Report: {written.page}"),
        )
    finally:
        ledger.close()
    console.say(
        f"Done:    {state.done} of {state.total} clips ({written.rejected} rejected), {state.failed} failed, "
        f"in {time.monotonic() - begin:.1f} s. Report: {written.page}"
    )
    return {
        "output": str(args.output),
        "clips": state.total,
        "done": state.done,
        "failed": state.failed,
        "rejected": written.rejected,
        "kept": plan.kept,
        "report": str(written.page),
        "table": str(written.table),
        "exit_code": int(state.done < state.total or written.rejected > 0),
    }


def _worked_off(args: argparse.Namespace, ledger: Ledger, owner: str, crew: Crew, tell: Report) -> State:
    """By processes of this machine, or by actors of a cluster."""
    if args.ray is None:
        from ..jobs.batch import work_off

        return work_off(ledger, owner, crew, tell)
    from ..jobs.ray_cluster import Cluster, connected
    from ..jobs.ray_pool import RayPool

    cluster = Cluster(args.ray, args.cpus_per_worker, args.gpus_per_worker)
    with connected(cluster, crew.workers):
        return RayPool(ledger, owner, crew, cluster).work_off(tell)


class Display:
    """One bar over all clips."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.shown: State | None = None

    def __call__(self, state: State) -> None:
        if self.shown is not None and state == self.shown:
            return
        self.shown = state
        self.console("clips", state.done + state.failed, state.total)
        if self.console.bar is not None:
            failed = f"failed {state.failed}, " if state.failed else ""
            self.console.bar.set_postfix_str(
                f"{failed}now {', '.join(Path(name).stem for name in state.now) or '-'}", refresh=False
            )


def _check_arguments(args: argparse.Namespace) -> None:
    """Raises SettingsError."""
    if (args.jobs is None) == (args.images is None and args.audio is None):
        raise SettingsError("Give either a table of clips (JOBS), or --images and --audio.")
    if args.jobs is None and (args.images is None or args.audio is None):
        raise SettingsError("--images and --audio belong together; one of them is missing.")
    if args.product and args.jobs is not None:
        raise SettingsError("--product is for --images and --audio; a table names every clip itself.")
    for name, least in (("workers", 1), ("retries", 0), ("stop_after", 0)):
        if getattr(args, name) < least:
            raise SettingsError(f"--{name.replace('_', '-')} is {getattr(args, name)}; expected {least} or more.")
    for name in ("estimate", "resume"):
        if getattr(args, name):
            raise SettingsError(
                f"--{name} is for single clips; --check tells what a batch will take, and the same command goes on."
            )
    if args.ray is not None and find_spec("ray") is None:
        raise SettingsError("Ray is not installed. Run: pip install 'sonic-portrait[ray]'")
    if args.ray is not None and args.worker_devices:
        raise SettingsError("--devices is for one machine; on a cluster --gpus-per-worker says what each worker gets.")
    if args.cpus_per_worker <= 0 or args.gpus_per_worker < 0:
        raise SettingsError("--cpus-per-worker must be more than 0, --gpus-per-worker 0 or more.")
    if args.skip_measuring and (args.reject_offset is not None or args.reject_confidence is not None):
        raise SettingsError("--skip-measuring leaves nothing to judge clips by; leave it out, or the --reject options.")


def _rows(args: argparse.Namespace) -> Iterator[Row]:
    from ..jobs.table import pair_folders, read_rows

    return read_rows(args.jobs) if args.jobs else pair_folders(args.images, args.audio, args.product)


def _described(plan: Plan) -> str:
    kept = f", {plan.kept} of them done already or in work" if plan.kept else ""
    return f"Plan:    {plan.clips} clips{kept}; {plan.seconds / 60:.1f} minutes of video to make, about {plan.room / 1e6:.0f} MB"


def _checked(plan: Plan, ledger: Ledger, crew: Crew, console: Console) -> dict[str, Any]:
    """The answer of --check: the plan, and its time from a measured trial."""
    from ..engines.registry import declaration
    from ..job_json import job_from_json
    from ..jobs.batch import measured_trial
    from ..jobs.plan import trial_job

    answer = {"clips": plan.clips, "kept": plan.kept, "seconds_of_video": plan.seconds, "bytes_estimated": plan.room}
    job = trial_job(ledger)
    if job is None:
        return answer
    if not declaration(job_from_json(job).engine).cheap_trial:
        console.say("Time:    a trial would take long with this engine; `generate --estimate` tells one clip's cost.")
        return answer
    cost, size = measured_trial(job, crew)
    # A lower bound where workers share cores: N are then less than N times as fast.
    seconds = plan.seconds * cost / crew.workers
    console.say(
        f"Time:    about {seconds / 60:.1f} minutes or more, measured on a trial: {cost:.2f} s of work per second of video"
        f"{', without measuring' if crew.measure else ''}"
    )
    return {**answer, "seconds_per_second": cost, "bytes_per_second": size, "seconds_estimated": seconds}
