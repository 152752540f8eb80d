"""Short generations one after the other in one process: memory, handles and threads after the first ones and at the end, as a line of JSON.

python many_runs.py FOLDER COUNT
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "sonic_core" / "samples"
SECONDS = 0.2


def main(folder: Path, count: int) -> None:
    from sonic_core.threads import prepare_process

    prepare_process()
    from sonic_core.job import Job
    from sonic_core.pipeline import generate
    from sonic_core.settings import Settings

    settings = Settings(min_resolution=256, framing="face", duration=SECONDS, length_policy="trim")
    job = Job(SAMPLES / "portrait.png", SAMPLES / "speech.wav", folder / "clip.mp4", settings, overwrite=True)
    first = None
    for i in range(count):
        generate(replace(job, settings=replace(settings, seed=i)))
        if (i + 1) % max(2, count // 10) == 0:
            first = first or held()
            print(i + 1, held(), file=sys.stderr, flush=True)
    print(json.dumps({"first": first, "last": held()}))


def held() -> dict[str, int]:
    gc.collect()
    # What grows is anonymous memory: pages of libraries and weights come and go with the memory that other programs want.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    anonymous, resident = (1024 * int(status[name].split()[0]) for name in ("RssAnon", "VmRSS"))
    return {
        "bytes": anonymous,
        "resident": resident,
        "handles": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
