"""A child process of the fuzz tests: opens one door of the package over many damaged inputs and tells every outcome that is not allowed.

    python fuzz_child.py DOOR FOLDER FIRST COUNT

Lines of JSON on stdout: {"ready": true}, {"begun": i}, {"fault": i, ...}, {"done": peak}.  What the input i is depends on DOOR and i only.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import traceback
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "unit")]

MEMORY = 1_000_000_000
"""Bytes that an input may take beyond what the program itself holds."""


def main(door: str, folder: Path, first: int, count: int) -> None:
    out = os.fdopen(os.dup(1), "w", buffering=1)
    with (folder / "output.txt").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)

    def tell(**line) -> None:
        print(json.dumps(line), file=out)

    from sonic_core.threads import prepare_process

    prepare_process()

    from doors import DOORS

    from sonic_core.errors import SonicError

    open_door = DOORS[door](folder)
    open_door.warm_up()
    before = _status("VmData")
    resource.setrlimit(resource.RLIMIT_DATA, (before + MEMORY,) * 2)
    tell(ready=True)
    for i in range(first, first + count):
        tell(begun=i)
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + open_door.cpu_seconds, resource.RLIM_INFINITY))
        rng = random.Random(f"{door} {i}")
        try:
            open_door.enter(i, rng)
        except SonicError:
            pass
        except BaseException as error:
            tell(fault=i, kind=type(error).__name__, text=str(error)[:500], trace=_where(error))
        finally:
            open_door.clear()
    tell(done=_status("VmHWM"))


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-6:]))


def _status(name: str) -> int:
    """Bytes, from the kernel's own account of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
