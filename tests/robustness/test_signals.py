"""A signal at any moment of any command: the earlier file or the whole new one is there, nothing is half written, the next run is clean."""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from itertools import cycle
from pathlib import Path

import pytest
from commands import BEGUN_WITHIN, COMMANDS, EARLIER, ENDED_WITHIN, PICTURE, SMALL, SPEECH, begun, ended, names

from sonic_core.media.probe import probe

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

# A signal before Python has set its handlers ends the process by itself.
ENDS = {
    signal.SIGINT: (130, -signal.SIGINT),
    signal.SIGTERM: (143, 130, -signal.SIGTERM),
    signal.SIGKILL: (-signal.SIGKILL,),
}
PYTHON_BEGINS = "init_import_site"
"""What Python itself says, with a traceback and exit code 1, of a signal before it has loaded anything of ours."""
MOMENTS = 9
"""Of each of the commands, in the slow run: with those of a batch, more than sixty."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("signals")


def check(name: str, moments: int, folder: Path, clip: Path) -> None:
    """A run from end to end, which tells how long one takes; then runs that signals stop, each in turn; then one from end to end again."""
    command = COMMANDS[name]
    place = folder / f"{name} {moments}"
    place.mkdir()
    output = place / command.output
    arguments = command.arguments(output, clip)
    start = time.monotonic()
    ended(arguments, folder)
    longest = 1.1 * (time.monotonic() - start)
    assert command.whole(output)
    rightly = names(place)
    rng = random.Random(name)
    for number, _ in zip(cycle(ENDS), range(moments), strict=False):
        output.write_bytes(EARLIER)
        code, said = stopped(arguments, folder, number, rng.uniform(0, longest))
        assert command.intact(output)
        if PYTHON_BEGINS not in said:
            assert code == 0 or code in ENDS[number], said
            assert "Traceback" not in said
        if number == signal.SIGKILL:
            for left in place.glob(".sonic-*"):
                left.unlink()
        assert names(place) == rightly
    ended(arguments, folder)
    assert command.whole(output)


def stopped(arguments: tuple[str, ...], folder: Path, number: signal.Signals, moment: float) -> tuple[int, str]:
    """Exit code and last words of a command that a signal reaches after so many seconds."""
    with begun(arguments, folder) as run:
        time.sleep(moment)
        run.send_signal(number)
        _, said = run.communicate(timeout=ENDED_WITHIN)
    return run.returncode, said


@pytest.mark.parametrize("name", ["generate", "convert"])
def test_signals_lose_nothing(folder, name):
    check(name, 3, folder, folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_signals_at_many_moments_lose_nothing(folder, late_clip, name):
    check(name, MOMENTS, folder, late_clip)


@pytest.mark.slow
def test_signals_leave_a_batch_that_goes_on(folder):
    """Whatever stops it, every clip in its folder is whole, and the same command makes those that are missing, none twice."""
    place = folder / "batch"
    place.mkdir()
    row = {"image": PICTURE, "audio": SPEECH, **dict(zip(SMALL[::2], SMALL[1::2], strict=True))}
    row = {name.removeprefix("--").replace("-", "_"): value for name, value in row.items()}
    table = place / "jobs.jsonl"
    rng = random.Random("batch")
    for turn, number in enumerate((*ENDS, *ENDS)):
        table.write_text("\n".join(json.dumps({**row, "seed": seed, "output": f"{seed}.mp4"}) for seed in range(3)))
        made = place / f"made {turn}"
        arguments = ("batch", str(table), "--output", str(made), "--skip-measuring")
        code, said = stopped(arguments, folder, number, rng.uniform(1, 15))
        assert code == 0 or code in ENDS[number], said
        assert "Traceback" not in said
        before = {path: path.stat().st_mtime_ns for path in made.glob("*.mp4")}
        assert all(probe(path).frames == 25 for path in before)
        ended(arguments, folder)
        assert sorted(path.name for path in made.glob("*.mp4")) == ["0.mp4", "1.mp4", "2.mp4"]
        assert all(probe(path).frames == 25 for path in made.glob("*.mp4"))
        assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize("name", ["convert", *(pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS)])
def test_two_runs_on_one_target_leave_one_whole_file(tmp_path, request, name):
    command = COMMANDS[name]
    clip = request.getfixturevalue("late_clip") if command.needs_clip else tmp_path
    output = tmp_path / "out" / command.output
    output.parent.mkdir()
    arguments = command.arguments(output, clip)
    inputs = names(output.parent)
    runs = [begun(arguments, tmp_path) for _ in range(2)]
    said = [run.communicate(timeout=BEGUN_WITHIN)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    assert names(output.parent) == sorted([*inputs, command.output])
    assert command.whole(output)
