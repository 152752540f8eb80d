"""`doctor`: what is installed, what is missing and what works here."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engines.declaration import Declaration
from ..engines.registry import DEFAULT_ENGINE, declaration, declarations
from ..samples import PORTRAIT, SPEECH
from ..system_libraries import cure
from ..version import __version__
from .engine_options import add_models_folder, searched_folders
from .live import INSTALL as LIVE_INSTALL
from .live import PACKAGES as LIVE_PACKAGES
from .weights_check import state_of, weights_of, weights_section

if TYPE_CHECKING:
    from .console import Console

HELP = "show versions, devices, models found or missing, and what works here"
PACKAGE = Path(__file__).parents[1]
FACE_WEIGHTS = PACKAGE / "portrait" / "weights" / "mediapipe_face.safetensors"
SPEED_KEY = f"{DEFAULT_ENGINE}_frames_per_second"
SPEED_SIZE = 512  # px
# What the default engine cannot do without: distribution and module.
MODULES = {
    "torch": "torch",
    "numpy": "numpy",
    "opencv-python": "cv2",
    "av": "av",
    "pillow": "PIL",
    "safetensors": "safetensors",
    "pydub": "pydub",
    "tqdm": "tqdm",
}
OPENCV_NAMES = tuple(
    f"opencv-{kind}" for kind in ("python", "python-headless", "contrib-python", "contrib-python-headless")
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_models_folder(parser, "Searched first for weights and exported networks.")
    parser.add_argument(
        "--hash", action="store_true", help="Read every byte of the weights and compare checksums, which takes minutes."
    )


def run(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    failures = import_failures()
    files = bundled_files()
    problems = list(failures.values())
    problems += [f"{name} is missing. Install sonic-portrait again." for name, size in files.items() if not size]
    if "av" not in failures and not has_h264():
        problems.append("This build of PyAV has no H.264 encoder. Install PyAV from PyPI: pip install -U av")
    folders = searched_folders(args.models_folder)
    speed = None
    if not problems:
        try:
            speed = round(drawing_speed(), 1)
        except Exception as error:  # whatever it is, this is the place to tell it
            problems.append(
                f"The {DEFAULT_ENGINE} engine failed on the bundled sample: {type(error).__name__}: {error}"
            )
    weights = {weights_key(engine): weights_of(engine, folders, args.hash, console) for engine in with_weights()}
    report: dict[str, Any] = {
        "sonic_portrait": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: installed_version(name) for name in (*MODULES, *further_packages())},
        "devices": [] if "torch" in failures else devices(),
        "bundled_files": files,
        **weights,
        SPEED_KEY: speed,
        "problems": problems,
    }
    report["onnx"] = onnx_state(folders)
    report["live"] = live_state()
    report["works"] = what_works(report)
    for line in describe(report):
        console.say(line)
    unusable = any(its["unusable"] for its in weights.values())
    return {**report, "exit_code": 1 if problems or unusable else 0}


def import_failures() -> dict[str, str]:
    """For each package that does not import, why and what to do."""
    failures = {}
    for name, module in MODULES.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydub misses an ffmpeg that nobody needs here
                importlib.import_module(module)
        except (ImportError, OSError) as error:  # OSError: a shared library that does not load
            failures[name] = cure(error) or f"{name} cannot be imported ({error}). Install it: pip install -U {name}"
    return failures


def installed_version(name: str) -> str | None:
    for alias in OPENCV_NAMES if name == "opencv-python" else (name,):
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
    files = [*sorted({*PACKAGE.glob("**/*.safetensors"), FACE_WEIGHTS}), PORTRAIT, SPEECH]
    return {file.relative_to(PACKAGE).as_posix(): file.stat().st_size if file.is_file() else 0 for file in files}


def with_weights() -> tuple[Declaration, ...]:
    """The engines whose weights are not in the package."""
    return tuple(engine for engine in declarations() if engine.weights)


def weights_key(engine: Declaration) -> str:
    """Name of its weights in the report."""
    return f"{engine.name}_weights"


def further_packages() -> tuple[str, ...]:
    """Distributions that some engine needs besides."""
    return tuple(dict.fromkeys(name for engine in declarations() for name in engine.packages if name not in MODULES))


def onnx_state(folders: Sequence[Path]) -> str:
    """What the onnx runtime still lacks here, in a sentence."""
    from ..engines.registry import load_engine
    from ..errors import SonicError
    from ..portrait.networks import load_networks
    from ..runtime.network import ONNX
    from ..runtime.onnx_network import COMMAND, INSTALL

    if installed_version("onnxruntime") is None:
        return f"--runtime onnx (starts sooner, without PyTorch) is not installed: {INSTALL}"
    try:
        load_networks(ONNX, folders)
        load_engine(DEFAULT_ENGINE, runtime=ONNX, folders=folders)
    except SonicError:
        return f"--runtime onnx lacks networks exported from these weights. Make them: {COMMAND}"
    return "--runtime onnx is ready: the networks are exported and fit."


def live_state() -> str:
    """Whether the live page can be served, in a sentence."""
    missing = [name for name in LIVE_PACKAGES if installed_version(name) is None]
    if missing:
        return f"live (a portrait that speaks while you do) needs {' and '.join(missing)}: {LIVE_INSTALL}"
    return "live is ready: a page where a portrait speaks while you do."


def has_h264() -> bool:
    import av

    return "libx264" in av.codecs_available


def drawing_speed() -> float:
    """Frames per second of the default engine on a second of the bundled sample, encoding not counted."""
    from ..audio.loading import load_audio
    from ..engines.registry import load_engine
    from ..portrait.analysis import load_portrait
    from ..settings import Settings

    engine, settings = load_engine(), Settings(min_resolution=SPEED_SIZE)
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
        return [f"The {DEFAULT_ENGINE} engine does not work here yet; see the problems above."]
    default = declaration()
    works = (
        f"The {default.name} engine works here, and everything that measures or mends videos: align, report, interpolate, inspect. "
        "It needs no GPU and nothing to download. "
        f"It draws {report[SPEED_KEY]:.0f} frames a second at {SPEED_SIZE} px; a video shows {default.fps:g}."
    )
    has_gpu = len(report["devices"]) > 1
    states = [state_of(engine, report[weights_key(engine)], report["packages"], has_gpu) for engine in with_weights()]
    return [works, report["onnx"], report["live"], *states]


def describe(report: dict[str, Any]) -> list[str]:
    """The report in lines."""
    sections = {
        "Packages": [f"{name:16} {found or 'not installed'}" for name, found in report["packages"].items()],
        "Devices": report["devices"],
        "Bundled files": [
            f"{name:56} {f'{size / 1e6:.1f} MB' if size else 'MISSING'}"
            for name, size in report["bundled_files"].items()
        ],
        **dict(weights_section(engine, report[weights_key(engine)]) for engine in with_weights()),
        "Problems": report["problems"],
    }
    lines = [f"sonic-portrait {report['sonic_portrait']}, Python {report['python']}, {report['system']}"]
    for title, entries in sections.items():
        if entries:
            lines += ["", title, *(f"  {entry}" for entry in entries)]
    return [*lines, "", *report["works"]]
