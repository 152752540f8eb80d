"""`queue`: a saved ComfyUI workflow becomes a batch: a row of a table per video, spread over one or more ComfyUI servers.

Columns name inputs of the workflow as `Node title.input` or `id.input`, or short: image, audio, seed, any setting; `output` names the file.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError
from .batch import Display

if TYPE_CHECKING:
    from ..jobs.comfy_workflow import Workflow
    from .console import Console

HELP = "make many videos with a saved workflow on ComfyUI servers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "jobs",
        type=Path,
        metavar="JOBS",
        help="CSV, JSONL or JSON: a row per video. Files in it are uploaded; their paths begin at its folder.",
    )
    parser.add_argument(
        "--server",
        required=True,
        action="append",
        metavar="URL",
        help="A ComfyUI, such as http://127.0.0.1:8188; give it several times for several.",
    )
    parser.add_argument(
        "--workflow",
        required=True,
        type=Path,
        metavar="FILE",
        help="Saved by ComfyUI's editor, or exported for its API.",
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="Folder of the videos and of the report."
    )
    parser.add_argument("--check", action="store_true", help="Check everything, queue nothing.")
    parser.add_argument("--retries", type=int, default=1, metavar="N", help="Further tries of a row. Default 1.")
    parser.add_argument(
        "--stop-after", type=int, default=0, metavar="N", help="Stop when N rows have failed. Default: never."
    )
    parser.add_argument("--overwrite", action="store_true", help="Replace files that no batch has made.")


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    _check_copy()
    for name in ("retries", "stop_after"):
        if getattr(args, name) < 0:
            raise SettingsError(f"--{name.replace('_', '-')} is {getattr(args, name)}; expected 0 or more.")
    from ..jobs.comfy_queue import EVERY_TRY, ComfyQueue, run_queue
    from ..jobs.comfy_rows import PromptChecker
    from ..jobs.comfy_server import ComfyServer
    from ..jobs.ledger import Ledger
    from ..jobs.plan import checked, planned
    from ..jobs.report import Limits, write_reports
    from ..jobs.table import read_rows

    begin = time.monotonic()
    workflow = _workflow(args.workflow, args.server)
    ledger = Ledger(args.output)
    try:
        ledger.recover(EVERY_TRY)
        checker = PromptChecker(workflow, ledger, args.jobs.absolute().parent, args.overwrite)
        plan = checked(read_rows(args.jobs), ledger, checker)
        plan.raise_problems()
        kept = f", {plan.kept} of them done already or in work" if plan.kept else ""
        console.say(f"Plan:    {plan.clips} rows{kept}, {len(args.server)} server(s)")
        if args.check:
            return {"rows": plan.clips, "kept": plan.kept}
        owner = ledger.enlist()
        ledger.plan(owner, planned(ledger))

        def make() -> ComfyQueue:
            servers = [ComfyServer(url) for url in args.server]
            return ComfyQueue(ledger, owner, servers, workflow, args.retries + 1, args.stop_after)

        try:
            state = run_queue(make, args.output, owner, Display(console))
        except KeyboardInterrupt:
            console.say("Stopped; what was queued is taken out again. The same command goes on from here.")
            raise
        finally:
            written = write_reports(ledger, owner, Limits())
            ledger.give_back(owner)
            ledger.recover(EVERY_TRY)
    finally:
        ledger.close()
    console.say(
        f"Done:    {state.done} of {state.total} rows, {state.failed} failed, in {time.monotonic() - begin:.1f} s. "
        f"Report: {written.page}"
    )
    return {
        "output": str(args.output),
        "rows": state.total,
        "done": state.done,
        "failed": state.failed,
        "kept": plan.kept,
        "report": str(written.page),
        "table": str(written.table),
        "exit_code": int(state.done < state.total),
    }


def _check_copy() -> None:
    """Raises SettingsError where something is missing that this command needs."""
    if find_spec("..jobs", __package__) is None:
        raise SettingsError(
            "This copy comes without batches, as ComfyUI's registry ships it. Install the whole with pip from a checkout."
        )
    if missing := [name for name in ("httpx", "websockets") if find_spec(name) is None]:
        raise SettingsError(f"{' and '.join(missing)} not installed. Run: pip install 'sonic-portrait[queue]'")


def _workflow(path: Path, urls: list[str]) -> Workflow:
    """The workflow, read with what the first server that answers says about its nodes."""
    from ..jobs.comfy_server import ComfyServer, first_definitions
    from ..jobs.comfy_workflow import Workflow

    async def definitions() -> dict[str, Any]:
        servers = [ComfyServer(url) for url in urls]
        try:
            return await first_definitions(servers)
        finally:
            await asyncio.gather(*(server.close() for server in servers))

    return Workflow(path, asyncio.run(definitions()))
