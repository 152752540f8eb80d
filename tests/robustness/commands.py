"""The commands of the command line as the fault tests run them: what each is given, what it makes, when that is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from sonic_core import cli, errors
from sonic_core.media.probe import probe

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sonic_core" / "samples"
PICTURE, SPEECH = str(SAMPLES / "portrait.png"), str(SAMPLES / "speech.wav")
SMALL = ("--duration", "1", "--length-policy", "trim", "--min-resolution", "256", "--framing", "face")
OUR_ERRORS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.SonicError)
}
EXIT_CODES = (cli.OK, cli.ERROR, cli.USAGE)
EARLIER = b"earlier"
BEGUN_WITHIN, ENDED_WITHIN = 240, 240
"""s; a busy machine takes long."""


@dataclass(frozen=True)
class Command:
    """arguments: for a file to make, and a clip.  output: its name.  whole: whether a file is all that it should be."""

    arguments: Callable[[Path, Path], tuple[str, ...]]
    output: str
    whole: Callable[[Path], bool]
    needs_clip: bool = False

    def intact(self, path: Path) -> bool:
        """The earlier file or the whole new one."""
        return path.read_bytes() == EARLIER or self.whole(path)


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


def is_table(path: Path) -> bool:
    from safetensors.torch import load_file

    return len(load_file(path)) == 2


def with_output(*arguments: str, clip: bool = False) -> Callable[[Path, Path], tuple[str, ...]]:
    def line(output: Path, other: Path) -> tuple[str, ...]:
        first, *rest = arguments
        return (first, *((str(other),) if clip else ()), *rest, "--output", str(output), "--overwrite")

    return line


def conversion(output: Path, clip: Path) -> tuple[str, ...]:
    """Of a table of tensors that lies beside what is to be made."""
    import torch

    source = output.with_suffix(".pth")
    if not source.exists():
        torch.save({"a": torch.zeros(400, 400), "b": torch.ones(3)}, source)
    return ("convert", str(source))


COMMANDS: Mapping[str, Command] = {
    "generate": Command(with_output("generate", "--image", PICTURE, "--audio", SPEECH, *SMALL), "clip.mp4", is_video),
    "motion": Command(with_output("motion", "--audio", SPEECH), "curves.json", is_json),
    "sheet": Command(with_output("sheet", "--image", PICTURE), "sheet.png", is_picture),
    "align": Command(with_output("align", clip=True), "aligned.mp4", is_video, needs_clip=True),
    "interpolate": Command(
        with_output("interpolate", "--fps", "30", clip=True), "smooth.mp4", is_video, needs_clip=True
    ),
    "report": Command(with_output("report", clip=True), "report.html", is_page, needs_clip=True),
    "convert": Command(conversion, "table.safetensors", is_table),
}


def environment(folder: Path, **more: str) -> dict[str, str]:
    known = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SONIC_PORTRAIT_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    return {**known, **more}


def begun(arguments: tuple[str, ...], folder: Path, **more: str) -> subprocess.Popen:
    """The command in a process of its own, with these variables too."""
    line = [sys.executable, "-m", "sonic_core", *arguments, "--quiet"]
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(folder, **more)
    )


def ended(arguments: tuple[str, ...], folder: Path, **more: str) -> None:
    """The command from end to end; AssertionError with its words where it fails."""
    with begun(arguments, folder, **more) as run:
        _, said = run.communicate(timeout=BEGUN_WITHIN)
    assert run.returncode == 0, said


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
