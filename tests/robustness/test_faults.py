"""Disks that fill up, too little memory, a clock that goes back, a home that takes nothing: files intact, plain words."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import COMMANDS, EARLIER, OUR_ERRORS, ended, environment, names

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")

Ran = Callable[..., dict]
FEW, MANY = 3, 10


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Iterator[Ran]:
    """A command under a limit, as fault_child.py runs it."""
    folder = tmp_path_factory.mktemp("faults")
    line = [sys.executable, str(Path(__file__).with_name("fault_child.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(line, text=True, env=environment(folder), **pipes) as child:

        def run(arguments: tuple[str, ...], limit: str, count: int) -> dict:
            child.stdin.write(json.dumps({"arguments": arguments, "limit": limit, "bytes": count}) + "\n")
            child.stdin.flush()
            return json.loads(child.stdout.readline())

        yield run
        child.stdin.close()


QUICK = ["convert"]
SLOW = [pytest.param(name, MANY, marks=pytest.mark.slow) for name in COMMANDS]


@pytest.mark.parametrize(("name", "times"), [*((name, FEW) for name in QUICK), *SLOW])
def test_a_disk_that_fills_up_at_any_byte_loses_nothing(ran, tmp_path, request, name, times):
    for _, answer, said in limited(ran, tmp_path, request, name, times, "FSIZE"):
        assert answer["error"] in OUR_ERRORS, (answer, said)


@pytest.mark.parametrize(("name", "times"), [*((name, FEW) for name in QUICK), *SLOW])
def test_too_little_memory_loses_nothing(ran, tmp_path, request, name, times):
    """A library may end the process where it gets no memory; a command that still can speak says what was missing."""
    for code, answer, said in limited(ran, tmp_path, request, name, times, "AS"):
        if code > 0:
            assert answer["error"] in OUR_ERRORS, (answer, said)


def limited(ran: Ran, folder: Path, request, name: str, times: int, limit: str) -> Iterator[tuple[int, dict, str]]:
    """Every run that did not end well: exit code, JSON answer, words; whatever comes out, files are as they should be."""
    command = COMMANDS[name]
    clip = request.getfixturevalue("late_clip") if command.needs_clip else folder
    output = folder / command.output
    arguments = command.arguments(output, clip)
    free = ran(arguments, "FSIZE", 10**9)
    assert free["code"] == 0, free
    assert command.whole(output)
    size, rightly, rng = output.stat().st_size, names(folder), random.Random(f"{name} {limit}")
    most = size if limit == "FSIZE" else 400_000_000
    for _ in range(times):
        output.write_bytes(EARLIER)
        told = ran(arguments, limit, rng.randrange(most))
        if told["code"] < 0:  # a library that got no memory crashed
            assert limit == "AS", told
            for left in folder.glob(".sonic-*"):
                left.unlink()
        assert names(folder) == rightly, told
        assert command.intact(output)
        assert "Traceback" not in told["said"]
        if told["code"]:
            yield told["code"], json.loads(told["answer"]) if told["answer"] else {}, told["said"]
    assert ran(arguments, "FSIZE", 10**9)["code"] == 0
    assert command.whole(output)


BACKWARDS = """
import time

real, begin, calls = time.time, time.time(), 0

def back():
    global calls
    calls += 1
    return real() - 86_400 * (calls // 3)  # a day for every three looks

time.time = back
"""


@pytest.mark.parametrize("name", ["sheet", *(pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS)])
def test_a_clock_that_goes_back_and_a_home_that_takes_nothing_change_nothing(tmp_path, request, name):
    command = COMMANDS[name]
    clip = request.getfixturevalue("late_clip") if command.needs_clip else tmp_path
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(BACKWARDS)
    output = tmp_path / "out" / command.output
    output.parent.mkdir()
    arguments = command.arguments(output, clip)
    path = f"{tmp_path / 'clock'}:{environment(tmp_path)['PYTHONPATH']}"
    ended(arguments, tmp_path, PYTHONPATH=path, HOME="/proc/nobody", SONIC_PORTRAIT_CACHE="", XDG_CACHE_HOME="")
    assert command.whole(output)
