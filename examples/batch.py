"""A batch: every picture says every recording; the same call again goes on where it was stopped.

python examples/batch.py photos recordings out        # the command line does it too: python -m sonic_core batch --help
"""

import csv
import sys
from pathlib import Path

from sonic_core import cli


def main(pictures: str, recordings: str, output: str, *options: str) -> int:
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "jobs.csv").open("w", newline="", encoding="utf-8") as table:
        rows = csv.writer(table)
        rows.writerow(["image", "audio", "output", "seed"])
        for picture in sorted(Path(pictures).iterdir()):
            for seed, recording in enumerate(sorted(Path(recordings).iterdir())):
                name = f"{picture.stem}_{recording.stem}.mp4"
                rows.writerow([picture.absolute(), recording.absolute(), name, seed])
    return cli.main(
        ["batch", str(folder / "jobs.csv"), "--output", output, *options]
    )  # 0 = all made; report.html tells


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
