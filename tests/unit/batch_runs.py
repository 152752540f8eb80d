"""Batches as processes of their own, and what became of their clips."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sonic_core.jobs.ledger import WORK, Ledger
from sonic_core.jobs.store import NAME
from sonic_core.samples import PORTRAIT, SPEECH

ROOT = Path(__file__).parents[2]
SHORT = ("--duration", "0.4", "--length-policy", "trim", "--min-resolution", "256", "--skip-measuring")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="kills processes by signals")
LIMIT = 120  # s that nothing here should come near


def table(folder: Path, *rows: str, columns: str = "image,audio,output,seed") -> Path:
    path = folder / "jobs.csv"
    path.write_text("\n".join((columns, *rows)) + "\n", encoding="utf-8")
    return path


def clips(count: int) -> list[str]:
    return [f"{PORTRAIT},{SPEECH},clip{i}.mp4,{i}" for i in range(count)]


def started(*args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sonic_core", "batch", *map(str, args), "--json"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, encoding="utf-8"
    )


def ended(process: subprocess.Popen[str], limit: float = LIMIT) -> tuple[int, dict]:
    answer, words = process.communicate(timeout=limit)
    assert answer, words
    return process.returncode, json.loads(answer.splitlines()[-1])


def batch(*args: object) -> tuple[int, dict]:
    return ended(started(*args))


def states(out: Path) -> dict[str, tuple[str, int]]:
    """State and attempts of every clip, by name."""
    ledger = Ledger(out)
    found = ledger.db.execute("select output, state, attempts from clips").fetchall()
    ledger.close()
    return {output: (state, attempts) for output, state, attempts in found}


def working(out: Path) -> int:
    """Process id of a worker that has a clip's file open; waits for one."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if (out / NAME).exists() and list(out.glob(f"{WORK}/*/.sonic-*.tmp.mp4")):
            ledger = Ledger(out)
            found = ledger.db.execute(
                "select pid from owners join clips on owner = id where state = 'working' limit 1"
            ).fetchone()
            ledger.close()
            if found:
                return found[0]
        time.sleep(0.01)
    raise AssertionError("no worker began")


def rest(out: Path) -> set[str]:
    """What stands in the folder besides clips."""
    return {path.name for path in out.iterdir() if path.suffix != ".mp4"}


TIDY = {NAME, "report.csv", "report.html"}
