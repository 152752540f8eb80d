"""A batch: every picture says every recording; the same call again goes on where it was stopped.

python examples/batch.py photos recordings out        # the command line does it too: python -m sonic_core batch --help
"""

import sys
from pathlib import Path

from sonic_core import Job, Settings, make_batch


def main(pictures: str, recordings: str, output: str, workers: int = 1) -> int:
    clips = [
        {"image": picture, "audio": recording, "output": f"{picture.stem}_{recording.stem}.mp4", "seed": seed}
        for picture in sorted(Path(pictures).iterdir())
        for seed, recording in enumerate(sorted(Path(recordings).iterdir()))
    ]
    made = make_batch(clips, output, Job(None, None, settings=Settings(min_resolution=256)), workers=workers)
    print(f"{made.done} of {made.clips} clips, {made.failed} failed. Look at them, the worst first: {made.report}")
    return 0 if made.complete else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4], *map(int, sys.argv[4:])))
