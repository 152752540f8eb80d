"""Drives a fuzzing child, begins a new one behind an input that killed it, and gathers every outcome that is not allowed."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CHILD = Path(__file__).with_name("fuzz_child.py")
ROOT = Path(__file__).parents[2]
SILENCE = 120
"""s without a word from the child, after which it hangs; a busy machine may take long to start it."""


@dataclass(frozen=True)
class Fault:
    """An input that ended in neither a result nor a SonicError."""

    door: str
    number: int
    what: str

    def __str__(self) -> str:
        return f"{self.door} {self.number}: {self.what}"


def faults(door: str, folder: Path, first: int, count: int) -> list[Fault]:
    """Every input of `count` that did what none may do: another error, a crash, more than its time or memory."""
    found: list[Fault] = []
    last = first + count
    while first < last:
        reached, more = _run(door, folder, first, last - first)
        found += more
        first = reached + 1
    return found


def _run(door: str, folder: Path, first: int, count: int) -> tuple[int, list[Fault]]:
    """Until the end or the input at which the child died: its number, and the faults up to it."""
    command = [sys.executable, str(CHILD), door, str(folder), str(first), str(count)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "PYTHONUTF8": "1",
        "HF_HUB_OFFLINE": "1",
    }
    environment |= {"HOME": str(folder), "SONIC_PORTRAIT_CACHE": str(folder / "cache")}
    found: list[Fault] = []
    at = None
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder) as child:
        try:
            while line := _next_line(child):
                told = json.loads(line)
                at = told.get("begun", at)
                if "fault" in told:
                    found.append(Fault(door, told["fault"], f"{told['kind']}: {told['text']} ({told['trace']})"))
                if "done" in told:
                    return first + count - 1, found
        except TimeoutError:
            child.kill()
            return _stuck(at, folder), [*found, Fault(door, at, f"no end within {SILENCE} s")]
        code = child.wait()
    word = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return _stuck(at, folder), [*found, Fault(door, at, f"the process ended: {word}")]


def _next_line(child: subprocess.Popen) -> str:
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        if not selector.select(SILENCE):
            raise TimeoutError
    return child.stdout.readline()


def _stuck(at: int | None, folder: Path) -> int:
    if at is None:
        raise AssertionError(f"the child did not start: {(folder / 'output.txt').read_text()[-2000:]}")
    return at
