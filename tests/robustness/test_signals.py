"""A signal at any moment of any command: the earlier file or the whole new one is there, nothing is half written, the next run is clean."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest
from PIL import Image

from sonic_core.media.probe import probe

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sonic_core" / "samples"
PICTURE, SPEECH = str(SAMPLES / "portrait.png"), str(SAMPLES / "speech.wav")
SMALL = ("--duration", "1", "--length-policy", "trim", "--min-resolution", "256", "--framing", "face")
EARLIER = b"earlier"
BEGUN_WITHIN, ENDED_WITHIN = 240, 240
"""s; a busy machine takes long."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@dataclass(frozen=True)
class Command:
    """arguments: without --output.  output: name of what is made.  whole: whether a file is all that it should be."""

    arguments: tuple[str, ...]
    output: str
    whole: Callable[[Path], bool]


def is_json(path: Path) -> bool:
    return isinstance(json.loads(path.read_text()), dict)


def is_page(path: Path) -> bool:
    return path.read_text().rstrip().endswith("</html>")


def is_picture(path: Path) -> bool:
    with Image.open(path) as image:
        image.load()
    return True


def is_video(path: Path) -> bool:
    found = probe(path)
    return bool(found.frames) and abs(found.duration - found.audio_duration) < 0.1


CLIP = "CLIP"
"""Stands for a clip that speaks, out of sync."""
COMMANDS = {
    "generate": Command(("generate", "--image", PICTURE, "--audio", SPEECH, *SMALL), "clip.mp4", is_video),
    "motion": Command(("motion", "--audio", SPEECH), "curves.json", is_json),
    "sheet": Command(("sheet", "--image", PICTURE), "sheet.png", is_picture),
    "align": Command(("align", CLIP), "aligned.mp4", is_video),
    "interpolate": Command(("interpolate", CLIP, "--fps", "30"), "smooth.mp4", is_video),
    "report": Command(("report", CLIP), "report.html", is_page),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("signals")


@pytest.fixture(scope="module")
def late_clip(folder) -> Path:
    """The bundled picture with the bundled sentence 200 ms late; a shorter clip would not be trusted."""
    from sonic_core.judging.retiming import Correction, retimed_sound
    from sonic_core.media.remux import cut_to, replace_sound
    from sonic_core.media.timed_sound import read_sound
    from sonic_core.media.timeline import read_timeline

    made = folder / "spoken.mp4"
    spoken = ("generate", "--image", PICTURE, "--audio", SPEECH, *SMALL[2:], "--output", str(made))
    with begun(spoken, folder) as run:
        assert run.wait(BEGUN_WITHIN) == 0, run.stderr.read()
    timeline = read_timeline(made)
    moved = retimed_sound(read_sound(timeline), timeline.rate, timeline.channels, Correction(-200.0), timeline.end)
    return replace_sound(timeline, cut_to(moved, timeline, timeline.end), folder / "late.mp4")


def begun(arguments: tuple[str, ...], folder: Path) -> subprocess.Popen:
    line = [sys.executable, "-m", "sonic_core", *arguments, "--quiet", "--overwrite"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SONIC_PORTRAIT_CACHE": str(folder / "cache")}
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def check(name: str, moments: int, folder: Path, clip: Path) -> None:
    """A run from end to end, which tells how long one takes; then runs that signals stop, each in turn; then one from end to end again."""
    command = COMMANDS[name]
    place = folder / f"{name} {moments}"
    place.mkdir()
    output = place / command.output
    arguments = (*(str(clip) if part == CLIP else part for part in command.arguments), "--output", str(output))
    start = time.monotonic()
    with begun(arguments, folder) as run:
        assert run.wait(BEGUN_WITHIN) == 0, run.stderr.read()
    longest = 1.1 * (time.monotonic() - start)
    assert command.whole(output)
    rng = random.Random(name)
    for number, _ in zip(cycle(ENDS), range(moments), strict=False):
        output.write_bytes(EARLIER)
        with begun(arguments, folder) as run:
            time.sleep(rng.uniform(0, longest))
            run.send_signal(number)
            _, said = run.communicate(timeout=ENDED_WITHIN)
        assert output.read_bytes() == EARLIER or command.whole(output)
        assert run.returncode == 0 or run.returncode in ENDS[number], said
        assert "Traceback" not in said
        if number == signal.SIGKILL:
            for left in place.glob(".sonic-*"):
                left.unlink()
        else:
            assert [path.name for path in place.iterdir()] == [command.output]
    with begun(arguments, folder) as run:
        assert run.wait(BEGUN_WITHIN) == 0, run.stderr.read()
    assert command.whole(output)


# A signal before Python has set its handlers ends the process by itself.
ENDS = {
    signal.SIGINT: (130, -signal.SIGINT),
    signal.SIGTERM: (143, 130, -signal.SIGTERM),
    signal.SIGKILL: (-signal.SIGKILL,),
}


@pytest.mark.parametrize("name", ["generate", "motion"])
def test_signals_lose_nothing(folder, name):
    check(name, 3, folder, folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_sixty_signals_lose_nothing(folder, late_clip, name):
    check(name, 60 // len(COMMANDS), folder, late_clip)


def test_two_runs_on_one_target_leave_one_whole_file(tmp_path):
    output = tmp_path / "out" / "clip.mp4"
    output.parent.mkdir()
    runs = [begun((*COMMANDS["generate"].arguments, "--output", str(output)), tmp_path) for _ in range(2)]
    assert [run.wait(timeout=BEGUN_WITHIN) for run in runs] == [0, 0], [run.stderr.read() for run in runs]
    assert [path.name for path in output.parent.iterdir()] == ["clip.mp4"]
    assert probe(output).frames == 25
