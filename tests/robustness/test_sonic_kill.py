"""The sonic engine killed, and stopped, in the middle: a real process, tiny networks, the state of sampling on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import av
import pytest
from commands import BEGUN_WITHIN, ENDED_WITHIN, PICTURE, ROOT

sys.path.append(str(ROOT / "tests" / "unit"))

from sonic_samples import speech, write_models

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="POSIX signals, and CPU times as Linux tells them")

STEPS = 6
SLOW = """
import sys, torch
from sonic_core.engines.sonic.unet import SonicUNet
forward, work = SonicUNet.forward, torch.ones(1024, 1024)

def slowly(unet, *args, **options):  # a network that takes as long as a real one
    print("in a pass", file=sys.stderr, flush=True)
    for _ in range({products}):
        work @ work
    return forward(unet, *args, **options)

SonicUNet.forward = slowly
from sonic_core.cli import main
sys.exit(main(sys.argv[1:]))
"""


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


def begun(arguments: tuple[str, ...], folder: Path, products: int = 0) -> subprocess.Popen[str]:
    environment = {**os.environ, "SONIC_PORTRAIT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", SLOW.format(products=products), *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_after(steps: int, arguments: tuple[str, ...], kept: Path, folder: Path) -> None:
    """Kill -9 when so many steps have been kept, wherever sampling is by then."""
    run = begun(arguments, folder, products=3)
    written, until = set(), time.monotonic() + BEGUN_WITHIN
    while len(written) < steps and run.poll() is None and time.monotonic() < until:
        if kept.exists():
            written.add(kept.stat().st_mtime_ns)
        time.sleep(0.01)
    run.kill()
    run.communicate()
    assert len(written) == steps


def test_a_killed_run_goes_on_with_its_next_step_and_ends_with_the_same_video(folder, tmp_path):
    whole, output = tmp_path / "whole.mp4", tmp_path / "clip.mp4"
    kept = tmp_path / "clip.steps.safetensors"
    run = begun(generate(folder, whole), folder)
    _, said = run.communicate(timeout=ENDED_WITHIN)
    assert run.returncode == 0, said
    killed_after(1, generate(folder, output), kept, folder)
    killed_after(2, generate(folder, output, "--resume"), kept, folder)  # killed again, later
    assert not output.exists()
    run = begun(generate(folder, output, "--resume"), folder)
    _, said = run.communicate(timeout=ENDED_WITHIN)
    assert run.returncode == 0, said
    assert frames(output) == frames(whole)
    assert [path.name for path in tmp_path.glob("clip*")] == ["clip.mp4"]


def frames(path: Path) -> list[bytes]:
    with av.open(str(path)) as video:
        return [frame.to_ndarray(format="rgb24").tobytes() for frame in video.decode(video=0)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_a_pass_that_takes_minutes_ends_the_run_within_two_seconds(folder, tmp_path, number):
    """Seconds of its own work, so that a busy machine says the same."""
    output, before = tmp_path / "clip.mp4", cpu_of_children()
    run = begun(generate(folder, output), folder, products=10**6)
    assert any("in a pass" in line for line in run.stderr)
    time.sleep(0.3)
    worked = cpu_so_far(run.pid)
    run.send_signal(number)
    _, said = run.communicate(timeout=ENDED_WITHIN)
    assert cpu_of_children() - before - worked < 2
    assert run.returncode == 130, said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("*.mp4"))


def cpu_so_far(process: int) -> float:
    """CPU seconds of a process that runs."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def cpu_of_children() -> float:
    """CPU seconds of all processes that this one has waited for."""
    import resource  # there is none on Windows

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
