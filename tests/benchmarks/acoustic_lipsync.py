"""How well the acoustic driver follows real speech, beside the energy of the sound: prints the lipeval table.

python tests/benchmarks/acoustic_lipsync.py [--per-clip]
The labelled recordings and their scorer are found through SONIC_LIPEVAL_DIR (default ../shared/lipeval); without them nothing is measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from sonic_core.audio.loading import load_audio
from sonic_core.engines.lite.motion_curves import motion_curves
from sonic_core.settings import Settings
from tests.benchmarks.acoustic.motion import FPS, acoustic_motion

REPOSITORY = Path(__file__).resolve().parents[2]
HEADLINE = ("bil_f1", "bil_recall", "bil_precision", "bil_frame_prec", "bil_auc", "auc_open_speech", "rho", "rho_speech",
            "lag_pooled_ms", "still_open", "round_auc", "rho_round")  # fmt: skip


def lipeval() -> tuple[Path, ModuleType] | None:
    """The folder of the evaluation set and its scorer, or None where they are not at hand."""
    folder = Path(os.environ.get("SONIC_LIPEVAL_DIR", REPOSITORY.parent / "shared" / "lipeval"))
    if not (folder / "score.py").is_file() or not (folder / "open").is_dir():
        return None
    spec = importlib.util.spec_from_file_location("lipeval_score", folder / "score.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return folder / "open", module


def acoustic_curves(path: Path, settings: Settings) -> dict[str, Any]:
    clip = load_audio(path)
    return motion_curves(acoustic_motion(clip, clip.frame_count(FPS), settings), FPS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-clip", action="store_true", help="one line for every recording")
    options = parser.parse_args()
    found = lipeval()
    if found is None:
        print("No lipeval set here (set SONIC_LIPEVAL_DIR to its folder); nothing measured.")
        return 0
    folder, score = found
    clips = [clip for clip in score.load_set(str(folder)) if not clip.get("narrowband")]
    settings = Settings()
    started = time.process_time()
    ours = {clip["id"]: acoustic_curves(folder / clip["wav"], settings) for clip in clips}
    real_time_factor = (time.process_time() - started) / sum(clip["duration"] for clip in clips)

    results = {
        "acoustic": score.score_set(clips, lambda clip: score.load_pred(ours, clip["id"], 0), boot=300),
        "RMS energy": score.score_set(clips, lambda clip: score.rms_pred(str(folder), clip)),
    }
    interval = results["acoustic"]["ci95"]
    print(
        f"{len(clips)} wideband recordings, {results['acoustic']['all']['n_bil']} P/B/M; real-time factor {real_time_factor:.4f}\n"
    )
    print(f"{'metric':16s} {'acoustic (95 % interval)':>26s} {'RMS energy':>12s}")
    for name in HEADLINE:
        low, high = interval.get(name) or (float("nan"),) * 2
        ours_, rms = (results[row]["all"][name] for row in ("acoustic", "RMS energy"))
        print(f"{name:16s} {ours_:8.3f}  [{low:6.3f}, {high:6.3f}] {rms:12.3f}")
    if options.per_clip:
        for name, row in sorted(results["acoustic"]["per_clip"].items()):
            print(
                f"{name:28s} closures {row['hit']}/{row['n_bil']}  rho_speech {row['rho_speech']:.2f}  lag {1000 * row['lag']:+.0f} ms"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
