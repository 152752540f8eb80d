"""What fewer denoising steps cost: lip sync on real speech, how much head and eyes move, and CPU time; the recordings are heard once."""

from __future__ import annotations

import json
import time
from collections import defaultdict

import numpy as np
import torch

from sonic_core.engines.lite.motion import SpeechMotion
from sonic_core.engines.lite.motion_curves import motion_curves
from sonic_core.engines.lite.parameters import PARAMETER_INDEX
from sonic_core.settings import Settings

from .lipsync import FPS, OPEN_SET, load_scorer, read_clip
from .table import Row

TITLE = "Fewer denoising steps (lite, open set, wideband clips)"
STEPS = (4, 6, 10, 15, 25)
METRICS = ("bil_f1", "rho_speech", "round_auc")
HEAD = [PARAMETER_INDEX[name] for name in ("yaw", "pitch", "roll")]


def measure() -> list[Row]:
    if not OPEN_SET.is_dir():
        return []
    torch.set_num_threads(1)
    model, metas = SpeechMotion.load(), []
    curves: dict[int, dict] = defaultdict(dict)
    swings: dict[int, list[float]] = defaultdict(list)
    speeds: dict[int, list[float]] = defaultdict(list)
    spent: dict[int, float] = defaultdict(float)
    seconds = 0.0
    for path in sorted(OPEN_SET.glob("*.json")):
        meta = json.loads(path.read_text())
        if path.name == "MANIFEST.json" or meta.get("narrowband") or not meta.get("labelled"):
            continue
        metas.append({**meta, "id": path.stem})
        clip = read_clip(path.with_suffix(".wav"))
        heard = model.listen(clip, clip.frame_count(FPS))
        seconds += clip.duration
        for steps in STEPS:
            start = time.process_time()
            track = model.move(heard, Settings(inference_steps=steps))
            spent[steps] += time.process_time() - start
            curves[steps][path.stem] = motion_curves(track, FPS)
            swings[steps].append(float(track[:, HEAD].std(0).sum()))
            speeds[steps].append(float(np.abs(np.diff(track[:, HEAD], axis=0)).mean() * FPS))
    judge, rows = load_scorer(OPEN_SET.parent / "score.py"), []
    for steps in STEPS:
        scores = judge.score_set(
            metas, lambda meta, n=steps: judge.load_pred(curves[n], meta["id"], FPS), boot=0, shifted=False
        )
        rows += [Row(f"{steps} steps: {metric}", scores["all"][metric], "") for metric in METRICS]
        rows.append(
            Row(
                f"{steps} steps: head motion, standard deviations of the three angles",
                float(np.mean(swings[steps])),
                "degrees",
            )
        )
        rows.append(
            Row(f"{steps} steps: head motion, mean speed of an angle", float(np.mean(speeds[steps])), "degrees/s")
        )
        rows.append(Row(f"{steps} steps: CPU for each second of sound", 1000 * spent[steps] / seconds, "ms"))
    return rows
