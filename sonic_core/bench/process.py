"""What bench measures in a process of its own: `python -m sonic_core.bench.process STARTED parts | command ...`.

The last line of stdout is `{"cpu": seconds, "peak_mb": MB}` of this process, the one before it its answer.
"""

from __future__ import annotations

import json
import runpy
import sys
import time
from pathlib import Path


def main(started: float, kind: str, arguments: list[str]) -> int:
    """parts: reads what to do as JSON from stdin.  command: a command line of the package, in this very process."""
    if kind == "parts":
        from .benchmark import parts_answer

        sys.stdout.write(f"{json.dumps(parts_answer(json.loads(sys.stdin.read()), started))}\n")
    else:
        sys.argv = [sys.argv[0], *arguments]
        try:
            runpy.run_module((__package__ or "").rpartition(".")[0], run_name="__main__", alter_sys=True)
        except SystemExit as end:
            if end.code:
                return int(end.code)
    sys.stdout.write(f"{json.dumps({'cpu': time.process_time(), 'peak_mb': peak_memory_mb()})}\n")
    return 0


def peak_memory_mb() -> float:
    """Peak resident memory of this process; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: Linux lets it start from the peak of the process that spawned this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2], sys.argv[3:]))
