"""Published viseme engines that run offline, as drivers of the lip-sync benchmark; they are measured where they are installed.

    pip install pocketsphinx                                     # Rhubarb-like
    npm install --prefix DIR @met4citizen/headaudio@0.1.0        # HeadAudio, runs under node
    python -m venv DIR/venv && DIR/venv/bin/pip install pylipsync==0.2.1    # a place of its own: it wants an older NumPy

with SONIC_PEERS=DIR.  None tells how wide a mouth is open: a viseme
stands for the opening and rounding of its usual picture.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from sonic_core.audio.clip import AudioClip

from .rhubarb import rhubarb_like

HERE = Path(__file__).parent
FPS = 25.0
VARIABLE = "SONIC_PEERS"
Driver = Callable[[AudioClip], dict]
"""A recording -> curves as `score.py` reads them."""

STEP = 0.01  # s
BROWSER_RATE = 48_000
LATENCY = 0.05  # s; its own figure, for which its users delay the sound
HEADAUDIO = (  # opening and rounding of its 15 visemes, in its order
    (1.0, 0.0), (0.65, -0.2), (0.4, -0.4), (0.6, 0.7), (0.3, 1.0), (0.0, 0.0), (0.2, -0.3), (0.25, 0.0), (0.3, -0.1), (0.08, 0.0),
    (0.4, 0.0), (0.3, 0.0), (0.4, 0.4), (0.3, 0.4), (0.0, 0.0),
)  # fmt: skip
PYLIPSYNC = {"aa": (1.0, 0.0), "ee": (0.4, -0.4), "ih": (0.5, -0.3), "oh": (0.6, 0.6), "ou": (0.3, 1.0)}


def peers() -> tuple[dict[str, Driver], list[str]]:
    """Those that are installed, by name; and a sentence for each that is not."""
    folder = Path(os.environ.get(VARIABLE, "."))
    headaudio = folder / "node_modules" / "@met4citizen" / "headaudio"
    python = folder / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    found: dict[str, Driver] = {}
    missing = []
    if importlib.util.find_spec("pocketsphinx"):
        found["Rhubarb-like (pocketsphinx)"] = rhubarb_like
    else:
        missing.append("Rhubarb-like is not measured: pocketsphinx is not installed.")
    node = shutil.which("node")
    if node and headaudio.is_dir():
        found["HeadAudio 0.1.0"] = lambda clip: headaudio_curves(node, headaudio, clip)
    else:
        missing.append(f"HeadAudio is not measured: it needs node and {VARIABLE}, see tests/benchmarks/peers.")
    if python.exists():
        found["pylipsync 0.2.1"] = lambda clip: pylipsync_curves(python, clip)
    else:
        missing.append(
            f"pylipsync is not measured: it needs a virtual environment in {VARIABLE}, see tests/benchmarks/peers."
        )
    return found, missing


def headaudio_curves(node: str, package: Path, clip: AudioClip) -> dict:
    """Its visemes, eased as its node eases them, earlier by its latency."""
    # It emphasises high sounds before it resamples: at a browser's rate it hears another balance than at 16 kHz.
    samples = resample_poly(clip.mono(), BROWSER_RATE // 1000, clip.rate // 1000)
    asked = {"rate": BROWSER_RATE, "step": STEP, "samples": [samples.tolist()]}
    (weights,) = _answer([node, str(HERE / "headaudio.mjs"), str(package)], asked)
    shape = np.array(weights) @ np.array(HEADAUDIO)
    at = np.arange(clip.frame_count(FPS)) / FPS + LATENCY
    return _curves(*(np.interp(at, np.arange(len(shape)) * STEP, curve) for curve in shape.T))


def pylipsync_curves(python: Path, clip: AudioClip) -> dict:
    """Its weights of vowels and silence, frame by frame."""
    asked = {"rate": clip.rate, "fps": int(FPS), "samples": [clip.mono().tolist()]}
    (frames,) = _answer([str(python), str(HERE / "pylipsync_weights.py")], asked)
    shape = np.array(
        [[sum(w * PYLIPSYNC[n][i] for n, w in one.items() if n in PYLIPSYNC) for i in (0, 1)] for one in frames]
    )
    return _curves(*shape.T)


def _curves(opening: Any, rounding: Any) -> dict:
    return {"fps": FPS, "open": opening.tolist(), "round": rounding.tolist(), "closed_value": 0.0}


def _answer(command: list[str], asked: dict) -> list:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return json.loads(
        subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, check=True, env=environment
        ).stdout
    )
