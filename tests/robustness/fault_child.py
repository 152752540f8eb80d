"""Runs commands under limits, each in a fork of this process, which has loaded what all of them need.

A line of JSON on stdin: {"arguments": [...], "limit": "FSIZE" or "AS", "bytes": n}, bytes beyond what the process holds for "AS".
The answer, a line on stdout: {"code": exit code, negative for a signal, "said": what went to stderr, "answer": last line of stdout}.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from pathlib import Path


def main() -> None:
    from sonic_core.threads import prepare_process

    prepare_process()
    import cv2

    import sonic_core.engines.lite
    import sonic_core.judging.clip_alignment
    import sonic_core.media.writer
    import sonic_core.models.convert
    import sonic_core.pipeline  # noqa: F401

    cv2.setNumThreads(1)
    for line in sys.stdin:
        print(json.dumps(ran(json.loads(line))), flush=True)


def ran(case: dict) -> dict:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(said.fileno(), 2)
            os._exit(command(case))
        _, status = os.waitpid(child, 0)
        words = [file.seek(0) or file.read().decode(errors="replace") for file in (out, said)]
    lines = words[0].splitlines()
    return {"code": os.waitstatus_to_exitcode(status), "answer": lines[-1] if lines else "", "said": words[1]}


def command(case: dict) -> int:
    from sonic_core import cli

    limit = case["bytes"] + (held() if case["limit"] == "AS" else 0)
    resource.setrlimit(getattr(resource, f"RLIMIT_{case['limit']}"), (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        code = cli.main([*case["arguments"], "--json", "--quiet"])
    except SystemExit as left:
        code = int(left.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def held() -> int:
    """Bytes of address space."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
