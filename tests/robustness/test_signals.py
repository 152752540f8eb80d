"""A signal at any moment: the earlier file or the whole new one is there, nothing is half written, the next run is clean."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sonic_core.media.probe import probe

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sonic_core" / "samples"
GENERATE = (
    "generate", "--image", str(SAMPLES / "portrait.png"), "--audio", str(SAMPLES / "speech.wav"), "--duration", "1",
    "--length-policy", "trim", "--min-resolution", "256", "--framing", "face", "--quiet", "--overwrite", "--output",
)  # fmt: skip
LONGEST_START = 4.0
"""s; a run takes about that long, so that signals fall into all of it."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def begun(output: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "sonic_core", *GENERATE, str(output)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SONIC_PORTRAIT_CACHE": str(output.parent.parent / "cache")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def stopped_at(output: Path, number: signal.Signals, seconds: float) -> tuple[int, str]:
    """Exit code and stderr of a run that gets the signal after `seconds`, or ends before."""
    with begun(output) as run:
        time.sleep(seconds)
        run.send_signal(number)
        _, said = run.communicate(timeout=120)
    return run.returncode, said


def check(folder: Path, number: signal.Signals, moments: int) -> None:
    folder.mkdir()
    output = folder / "clip.mp4"
    output.write_bytes(b"earlier")
    rng = random.Random(number.name)
    for _ in range(moments):
        code, said = stopped_at(output, number, rng.uniform(0, LONGEST_START))
        assert output.read_bytes() == b"earlier" or probe(output).frames == 25
        assert code == 0 or code in ENDS[number], said
        assert "Traceback" not in said
        if number != signal.SIGKILL:
            assert [path.name for path in folder.iterdir()] == ["clip.mp4"]
    with begun(output) as run:
        assert run.wait(timeout=120) == 0
    assert probe(output).frames == 25


# A signal before Python has set its handlers ends the process by itself.
ENDS = {
    signal.SIGINT: (130, -signal.SIGINT),
    signal.SIGTERM: (143, 130, -signal.SIGTERM),
    signal.SIGKILL: (-signal.SIGKILL,),
}


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_loses_nothing(tmp_path, number):
    check(tmp_path / "out", number, 3)


@pytest.mark.slow
@pytest.mark.parametrize("number", ENDS)
def test_sixty_signals_lose_nothing(tmp_path, number):
    check(tmp_path / "out", number, 60)


def test_two_runs_on_one_target_leave_one_whole_file(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    runs = [begun(folder / "clip.mp4") for _ in range(2)]
    assert [run.wait(timeout=120) for run in runs] == [0, 0], [run.stderr.read() for run in runs]
    assert [path.name for path in folder.iterdir()] == ["clip.mp4"]
    assert probe(folder / "clip.mp4").frames == 25
