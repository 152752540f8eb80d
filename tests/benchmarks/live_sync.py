"""Live lip sync: the mouth of the open set as it is streamed, beside the mouth of whole recordings; `python -m tests.benchmarks live_sync`.

Sound comes in steps, and a frame is settled before what follows it is heard; products in eight bits are compared with those in float32.
"""

from __future__ import annotations

import numpy as np
import torch

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.resampling import to_mono_16k
from sonic_core.engines.lite.live.networks import LiveNetworks
from sonic_core.engines.lite.live.performance import LOOK_AHEAD, SAMPLES, STEP, LitePerformance
from sonic_core.engines.lite.motion import SpeechMotion
from sonic_core.engines.lite.motion_curves import motion_curves
from sonic_core.hearing.few_rows import product
from sonic_core.settings import Settings

from .lipsync import AT_LEAST, FPS, METRICS, OPEN_SET, learned, score
from .peers import Driver
from .table import Row

TITLE = "Live lip sync (open set, wideband clips, seed 0)"
LAG = "lag_pooled_ms"
MOST_LOST = {"bil_f1": 0.03, "bil_auc": 0.01, "rho_speech": 0.03, LAG: 10}
"""By streaming, against the same clips heard whole."""
MOST_LOST_BY_EIGHT_BITS = 0.005


def measure() -> list[Row]:
    if not OPEN_SET.is_dir():
        return []
    torch.set_num_threads(1)
    whole = score(learned(SpeechMotion.load(), 0), OPEN_SET, 0)
    live = score(streamed(LiveNetworks.load()), OPEN_SET, 0)
    exact = score(streamed(LiveNetworks.load(product)), OPEN_SET, 0)
    rows = [Row(f"whole recordings: {metric}", whole.metrics[metric], "") for metric in METRICS]
    rows += [_row(metric, live.metrics[metric], whole.metrics[metric]) for metric in METRICS]
    rows += [
        Row(f"lost by eight bits: {metric}", exact.metrics[metric] - live.metrics[metric], "", MOST_LOST_BY_EIGHT_BITS)
        for metric in METRICS
        if metric in AT_LEAST
    ]
    rows += [
        Row(f"{how}, CPU seconds per second", scores.cost, "") for how, scores in (("live", live), ("float32", exact))
    ]
    return rows


def streamed(networks: LiveNetworks) -> Driver:
    """The mouth of a live performance, a step of sound at a time; frame i is that of frame i of the recording."""

    def drive(clip: AudioClip) -> dict:
        performance, step = LitePerformance(networks, Settings(seed=0)), STEP * SAMPLES
        mono, count = to_mono_16k(clip), clip.frame_count(FPS)
        sound = np.pad(mono, (0, -len(mono) % step + step)).reshape(-1, step)
        track = np.stack([moment.pose for part in sound for moment in performance.hear(part)])
        return motion_curves(track[LOOK_AHEAD:][:count], FPS)

    return drive


def _row(metric: str, live: float, whole: float) -> Row:
    """A metric as streamed, and how far it may be from that of whole recordings."""
    what, lost = f"streamed: {metric}", MOST_LOST.get(metric)
    if metric == LAG:
        return Row(f"{what}, more than of whole recordings", abs(live - whole), "", lost)
    return Row(what, live, "", None if lost is None else whole - lost, metric in AT_LEAST)
