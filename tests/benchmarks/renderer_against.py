"""The renderer of this tree against that of another commit: the largest difference of their frames, and the ratio of their CPU times.

As a script: `python -m tests.benchmarks.renderer_against TREE`, TREE being a git worktree of the other commit.  The two take turns, so that
other work on the machine meets both alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
SIZES = (512, 1024)
ROUNDS = 3

# Only names that both commits have.
DRAW = """
import sys, time, cv2, numpy as np
cv2.setNumThreads(1)
from tests.benchmarks.renderer import FACE, talk
from sonic_core.engines.lite.renderer import PortraitRenderer
from sonic_core.portrait.analysis import analyse
from sonic_core.portrait.loading import load_picture
from sonic_core.portrait.networks import load_networks
from sonic_core.samples import PORTRAIT
size, file = int(sys.argv[1]), sys.argv[2]
picture = cv2.resize(load_picture(PORTRAIT).image[FACE], (size, size), interpolation=cv2.INTER_CUBIC)
draw = PortraitRenderer(analyse(load_networks(), load_picture(picture), 0, "benchmark")).render
track = talk(50)
draw(track[0])
start = time.process_time()
frames = [draw(vector) for vector in track]
print(time.process_time() - start)
np.save(file, np.stack(frames))
"""


def main(other: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in SIZES:
            seconds = [
                (_drawn(other, size, folder / "other.npy"), _drawn(ROOT, size, folder / "this.npy"))
                for _ in range(ROUNDS)
            ]
            before, now = np.median(seconds, axis=0) / 50 * 1000
            change = _difference(np.load(folder / "other.npy"), np.load(folder / "this.npy"))
            print(
                f"{size}: {before:.1f} -> {now:.1f} ms of CPU a frame, ratio {np.median([b / a for a, b in seconds]):.2f}; "
                f"largest change {change.max()} of 255, {100 * (change > 1).mean():.4f} % of the values by more than 1"
            )


def _difference(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    return np.maximum(one, two) - np.minimum(one, two)


def _drawn(tree: Path, size: int, file: Path) -> float:
    """CPU seconds of drawing in `tree`; the frames are left in `file`."""
    answer = subprocess.run(
        [sys.executable, "-c", DRAW, str(size), str(file)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(answer.stdout.split()[-1])


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
