"""The sonic engine killed, and stopped, in the middle: real processes, tiny networks, the state of sampling on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
from commands import BEGUN_WITHIN, PICTURE, ROOT, environment

sys.path.append(str(ROOT / "tests" / "unit"))

from sonic_samples import speech, write_models

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="POSIX signals, and CPU times as Linux tells them")

STEPS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sonic")
    write_models(folder / "models")
    clip = speech(0.3)
    with wave.open(str(folder / "speech.wav"), "wb") as file:
        file.setparams((1, 2, clip.rate, 0, "NONE", ""))
        file.writeframes((clip.mono() * 32767).astype("<i2").tobytes())
    return folder


def generate(folder: Path, output: Path, *options: str) -> tuple[str, ...]:
    files = ("--image", PICTURE, "--audio", str(folder / "speech.wav"), "--output", str(output))
    engine = ("--engine", "sonic", "--models-folder", str(folder / "models"), "--device", "cpu", "--framing", "face")
    return ("generate", *files, *engine, "--inference-steps", str(STEPS), "--min-resolution", "256", *options)


class Run:
    """A command in a process of its own, as sonic_child.py begins it."""

    def __init__(self, child: subprocess.Popen[str], said: Path, arguments: tuple[str, ...], products: int) -> None:
        self.child, self.log = child, said
        said.unlink(missing_ok=True)
        child.stdin.write(json.dumps({"arguments": arguments, "products": products, "said": str(said)}) + "\n")
        child.stdin.flush()
        self.process = json.loads(child.stdout.readline())["process"]

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + BEGUN_WITHIN
        while not holds():
            assert time.monotonic() < end, self.said()
            assert self.lives(), self.said()
            time.sleep(0.01)

    def lives(self) -> bool:
        return Path(f"/proc/{self.process}/stat").exists()

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def cpu_so_far(self) -> float:
        """Its CPU seconds while it runs."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def ended(self) -> tuple[int, float]:
        """Exit code, and all its CPU seconds; waits for its end."""
        told = json.loads(self.child.stdout.readline())
        return told["code"], told["cpu"]


Begun = Callable[..., Run]


@pytest.fixture(scope="module")
def begun(folder) -> Iterator[Begun]:
    line = [sys.executable, str(Path(__file__).with_name("sonic_child.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(line, text=True, cwd=ROOT, env=environment(folder), **pipes) as child:
        yield lambda arguments, products=0: Run(child, folder / "said.txt", arguments, products)
        child.stdin.close()


def killed_after(steps: int, run: Run, kept: Path) -> None:
    """Kill -9 when so many steps have been kept, wherever sampling is by then."""
    written: set[int] = set()

    def enough() -> bool:
        if kept.exists():
            written.add(kept.stat().st_mtime_ns)
        return len(written) == steps

    run.until(enough)
    os.kill(run.process, signal.SIGKILL)
    assert run.ended()[0] == -signal.SIGKILL


def test_a_killed_run_goes_on_with_its_next_step_and_ends_with_the_same_video(begun, folder, tmp_path):
    whole, output = tmp_path / "whole.mp4", tmp_path / "clip.mp4"
    kept = tmp_path / "clip.steps.safetensors"
    run = begun(generate(folder, whole))
    assert run.ended()[0] == 0, run.said()
    killed_after(1, begun(generate(folder, output), products=1), kept)
    killed_after(2, begun(generate(folder, output, "--resume"), products=1), kept)  # killed again, later
    assert not output.exists()
    run = begun(generate(folder, output, "--resume"))
    assert run.ended()[0] == 0, run.said()
    assert run.said().count("in a pass") < 3 * STEPS
    assert frames(output) == frames(whole)
    assert [path.name for path in tmp_path.glob("clip*")] == ["clip.mp4"]


def frames(path: Path) -> list[bytes]:
    with av.open(str(path)) as video:
        return [frame.to_ndarray(format="rgb24").tobytes() for frame in video.decode(video=0)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_a_pass_that_takes_minutes_ends_the_run_within_two_seconds(begun, folder, tmp_path, number):
    """Seconds of its own work, so that a busy machine says the same."""
    output = tmp_path / "clip.mp4"
    run = begun(generate(folder, output), products=10**6)
    run.until(lambda: "in a pass" in run.said())
    time.sleep(0.3)
    worked = run.cpu_so_far()
    os.kill(run.process, number)
    code, used = run.ended()
    assert used - worked < 2
    assert code == 130, run.said()
    assert "Traceback" not in run.said()
    assert not list(tmp_path.glob("*.mp4"))
