"""`doctor`: what is installed, what is missing and what works here."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__

if TYPE_CHECKING:
    from .console import Console

HELP = "show versions, devices, models found or missing, and what works here"
PACKAGE = Path(__file__).parents[1]
# Distribution name and, where the lite engine cannot do without it, the module to try.
NEEDED = {
    "torch": "torch",
    "numpy": "numpy",
    "opencv-python": "cv2",
    "av": "av",
    "pillow": "PIL",
    "safetensors": "safetensors",
    "pydub": "pydub",
    "tqdm": "tqdm",
}
USED_LATER = ("transformers", "diffusers", "huggingface_hub")
# OpenCV comes under four names.
ALIASES = {
    "opencv-python": (
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    )
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    packages, problems = check_packages()
    report: dict[str, Any] = {
        "sonic_portrait": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": packages,
        "devices": [] if "torch" in broken(problems) else devices(),
        "bundled_files": bundled_files(),
    }
    problems += [
        f"{name} is missing. Install sonic-portrait again."
        for name, size in report["bundled_files"].items()
        if not size
    ]
    if "av" not in broken(problems) and not has_h264():
        problems.append("This build of PyAV has no H.264 encoder. Install PyAV from PyPI: pip install -U av")
    report["lite_frames_per_second"] = None
    if not problems:
        try:
            report["lite_frames_per_second"] = round(lite_speed(), 1)
        except Exception as error:  # whatever it is, this is the place to tell it
            problems.append(f"The lite engine failed on the bundled sample: {type(error).__name__}: {error}")
    report["problems"] = problems
    report["works"] = what_works(report)
    for line in describe(report):
        console.say(line)
    report["exit_code"] = 1 if problems else 0
    return report


def check_packages() -> tuple[dict[str, str | None], list[str]]:
    """Version of each package (None = not installed), and a sentence for each one that the lite engine misses."""
    versions: dict[str, str | None] = {name: installed_version(name) for name in (*NEEDED, *USED_LATER)}
    problems = []
    for name, module in NEEDED.items():
        try:
            importlib.import_module(module)
        except (ImportError, OSError) as error:  # OSError: a shared library that does not load
            problems.append(f"{name} cannot be imported ({error}). Install it: pip install -U {name}")
    return versions, problems


def broken(problems: list[str]) -> set[str]:
    return {name for name in NEEDED if any(problem.startswith(f"{name} cannot") for problem in problems)}


def installed_version(name: str) -> str | None:
    for alias in ALIASES.get(name, (name,)):
        try:
            return version(alias)
        except PackageNotFoundError:
            continue
    return None


def devices() -> list[str]:
    """What torch can compute on, the processor first."""
    import torch

    found = [f"cpu ({os.cpu_count()} cores, {torch.get_num_threads()} threads)"]
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        found.append(f"cuda:{index} ({card.name}, {card.total_memory / 2**30:.0f} GiB)")
    if torch.backends.mps.is_available():
        found.append("mps (Apple)")
    return found


def bundled_files() -> dict[str, int]:
    """Weights and samples of the package, with their size in bytes; 0 = missing."""
    from .demo import PORTRAIT, SPEECH

    weights = {*PACKAGE.glob("**/*.safetensors"), PACKAGE / "portrait" / "weights" / "mediapipe_face.safetensors"}
    files = [*sorted(weights), PORTRAIT, SPEECH]
    return {file.relative_to(PACKAGE).as_posix(): file.stat().st_size if file.is_file() else 0 for file in files}


def has_h264() -> bool:
    import av

    return "libx264" in av.codecs_available


def lite_speed() -> float:
    """Frames per second of the lite engine on a second of the bundled sample, encoding not counted."""
    from dataclasses import replace

    from ..audio.loading import load_audio
    from ..engines.registry import load_engine
    from ..portrait.analysis import load_portrait
    from ..settings import Settings
    from .demo import PORTRAIT, SPEECH

    engine, settings = load_engine("lite"), Settings()
    audio = load_audio(SPEECH)
    audio = replace(audio, samples=audio.samples[:, : audio.rate], source=None)
    conditioning = engine.prepare(load_portrait(PORTRAIT), audio, settings)
    frames = engine.decode(conditioning, engine.sample(conditioning, settings))
    start = time.perf_counter()
    for _ in frames:
        pass
    return len(frames) / (time.perf_counter() - start)


def what_works(report: dict[str, Any]) -> list[str]:
    """Sentences about the engines."""
    if report["problems"]:
        return ["The lite engine does not work here yet; see the problems above."]
    from ..engines.registry import ENGINES

    works = [
        "The lite engine works here: demo, generate, motion, sheet. It needs no GPU and nothing to download. "
        f"It draws {report['lite_frames_per_second']:.0f} frames a second at 512 px; a video shows 25."
    ]
    if "sonic" not in ENGINES:
        works.append("The sonic engine (published weights, GPU) is not part of this version.")
    return works


def describe(report: dict[str, Any]) -> list[str]:
    """The report in lines."""
    lines = [
        f"sonic-portrait {report['sonic_portrait']}, Python {report['python']}, {report['system']}",
        "",
        "Packages",
    ]
    lines += [f"  {name:16} {found or 'not installed'}" for name, found in report["packages"].items()]
    lines += ["", "Devices", *(f"  {device}" for device in report["devices"])]
    lines += ["", "Bundled files"]
    lines += [
        f"  {name:48} {f'{size / 1e6:.1f} MB' if size else 'MISSING'}" for name, size in report["bundled_files"].items()
    ]
    if report["problems"]:
        lines += ["", "Problems", *(f"  {problem}" for problem in report["problems"])]
    return [*lines, "", *report["works"]]
