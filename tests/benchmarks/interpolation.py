"""Interpolation against the truth: the lite engine draws a clip at 25 and at 60 fps, and the first is brought to the rate of the second."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np

from sonic_core import Settings, load_audio, load_engine, load_portrait
from sonic_core.between.flow_interpolation import flow_between
from sonic_core.between.interpolation import interpolated
from sonic_core.between.rife import IFNet
from sonic_core.between.rife_interpolation import rife_between
from sonic_core.frames import Frame, FrameStream
from sonic_core.samples import PORTRAIT, SPEECH

from .table import Row

TITLE = "Interpolation (25 to 50 and 60 fps, 512x512, 3 s of speech)"
SECONDS, SIDE = 3.0, 512
LIPS = (61, 291, 0, 17, 13, 14, 78, 308, 199, 2)
MARGIN = 10  # px


def measure() -> list[Row]:
    cv2.setNumThreads(1)
    engine, settings = load_engine("lite"), Settings(seed=3, framing="face")
    audio = load_audio(SPEECH)
    audio = audio.with_samples(audio.samples[:, : round(SECONDS * audio.rate)])
    conditioning = engine.prepare(load_portrait(PORTRAIT), audio, settings)
    latents = engine.sample(conditioning, settings)
    (left, top), (right, bottom) = (
        edge(conditioning.portrait.landmarks[list(LIPS), :2], axis=0).astype(int) + margin
        for edge, margin in ((np.min, -MARGIN), (np.max, MARGIN))
    )
    mouth = np.s_[top:bottom, left:right]
    rows = []
    for fps in (50.0, 60.0):
        truth = list(engine.decode(conditioning, engine.at_rate(latents, fps, conditioning.audio.frame_count(fps))))
        source = engine.decode(conditioning, latents)
        new = [i for i in range(len(truth)) if i * 25 % fps and i * 25 / fps < len(source) - 1]
        started = time.process_time()
        made = list(interpolated(FrameStream.from_array(np.stack(list(source)), 25.0), fps, flow_between))
        spent = time.process_time() - started
        mixed = list(interpolated(source, fps, blend))
        flow, plain = (
            psnr([frames[i][mouth] for i in new], [truth[i][mouth] for i in new]) for frames in (made, mixed)
        )
        rows += [
            Row(f"{fps:g} fps: mouth, optical flow", flow, "dB"),
            Row(f"{fps:g} fps: mouth, better than blending by", flow - plain, "dB", 1.0, at_least=True),
            Row(f"{fps:g} fps: optical flow, CPU time of a new frame", 1000 * spent / len(new), "ms"),
            Row(f"{fps:g} fps: video frames per second of CPU time", len(made) / spent, "fps", 15.0, at_least=True),
        ]
    return [*rows, Row("RIFE, CPU time of a middle frame", 1000 * rife_seconds(), "ms")]


def blend(first: Frame, second: Frame) -> Callable[[float], Frame]:
    return lambda at: np.rint(first * (1 - at) + second * at).astype(np.uint8)


def psnr(frames: list[Frame], truth: list[Frame]) -> float:
    error = np.mean([np.mean((a.astype(np.float32) - b) ** 2) for a, b in zip(frames, truth, strict=True)])
    return float(10 * np.log10(255**2 / error))


def rife_seconds() -> float:
    """Of the network's full width; its numbers do not matter for that."""
    between = rife_between(IFNet().eval())
    frames = np.random.default_rng(0).integers(0, 255, (2, SIDE, SIDE, 3), dtype=np.uint8)
    started = time.process_time()
    between(*frames)(0.5)
    return time.process_time() - started
