"""Renderer of the lite engine: CPU time of a frame and of the set-up on one core, at two sizes."""

from __future__ import annotations

import time

import cv2
import numpy as np

from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETERS
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.portrait.analysis import analyse
from sonic_core.portrait.loading import load_picture
from sonic_core.portrait.networks import load_networks
from sonic_core.samples import PORTRAIT

from .table import Row

TITLE = "Renderer (lite), one core, CPU time, talk + head motion + blinks"
FRAMES = 100
FACE = np.s_[0:480, 32:512]  # of the bundled picture: head and shoulders
FRAME_MS = {512: 15.0, 1024: 30.0}
SETUP_S = {512: 0.6, 1024: 1.6}


def talk(frames: int) -> np.ndarray:
    """[frames, parameters] of busy speech at 25 fps."""
    t = np.arange(frames) / 25
    closing = np.clip(3 * np.sin(2 * np.pi * 1.9 * t) - 2, 0, 1)
    blink = np.clip(2 * np.sin(2 * np.pi * 0.9 * t) - 1, 0, 1)
    curves = {
        "jaw": 0.25 + 0.25 * np.sin(2 * np.pi * 3.1 * t),
        "pucker": np.clip(np.sin(2 * np.pi * 1.3 * t), 0, 1),
        "stretch": 0.7 * np.clip(-np.sin(2 * np.pi * 1.3 * t), 0, 1),
        "close": closing,
        "press": 0.7 * closing,
        "rest": np.full(frames, 0.45),
        "upraise": np.full(frames, 0.1),
        "lowdep": np.full(frames, 0.2),
        "tongue": np.full(frames, 0.3),
        "blink_l": blink,
        "blink_r": blink,
        "brow": 0.3 * np.sin(t),
        "gaze_x": 0.4 * np.sin(2 * t),
        "yaw": 4 * np.sin(1.4 * t),
        "pitch": 3 * np.sin(2 * t),
        "roll": 2 * np.cos(t),
        "tx": 0.02 * np.sin(t),
    }
    track = np.zeros((frames, len(PARAMETERS)), np.float32)
    for name, curve in curves.items():
        track[:, PARAMETER_INDEX[name]] = curve
    return track


def measure() -> list[Row]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [row for size in FRAME_MS for row in _measure_at(size)]
    finally:
        cv2.setNumThreads(threads)


def _measure_at(size: int) -> list[Row]:
    picture = cv2.resize(load_picture(PORTRAIT).image[FACE], (size, size), interpolation=cv2.INTER_CUBIC)
    portrait = analyse(load_networks(), load_picture(picture), 0, "benchmark")
    start = time.process_time()
    renderer = PortraitRenderer(portrait)
    setup = time.process_time() - start
    times = []
    for vector in talk(FRAMES):
        start = time.process_time()
        renderer.render(vector)
        times.append(1000 * (time.process_time() - start))
    return [
        Row(f"{size} x {size}: frame, median", float(np.median(times)), "ms", FRAME_MS[size]),
        Row(f"{size} x {size}: frame, 95th percentile", float(np.percentile(times, 95)), "ms"),
        Row(f"{size} x {size}: set-up without the face mesh", setup, "s", SETUP_S[size]),
    ]
