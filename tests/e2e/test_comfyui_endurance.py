"""A ComfyUI that runs for long, and one that is killed, stopped or interrupted at any moment."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from itertools import cycle
from pathlib import Path

import pytest
from comfy_server import ROOT, SAMPLES, TEMPLATE_FILES, Comfy, Restartable

from sonic_core.media.probe import probe

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux tells of a process, POSIX signals"),
]

RUNS, BEFORE, GROWTH = 200, 40, 0.02
"""Runs in one server; after how many of them its memory is taken; how much of it may come on top."""
MOMENTS = 20
SECONDS = 0.4


@pytest.fixture
def server(checkout, tmp_path):
    server = Restartable(checkout, tmp_path / "server")
    for path in (SAMPLES / "portrait.png", SAMPLES / "speech.wav"):
        shutil.copy(path, server.base / "input")
    for name in TEMPLATE_FILES:
        shutil.copy(ROOT / "web" / "samples" / name, server.base / "input")
    server.start()
    yield server
    server.stop()


def template(comfy: Comfy, name: str, seed: int, seconds: float) -> dict:
    """A template as a prompt, small and short."""
    from graph import prompt_of

    prompt = prompt_of(
        json.loads((ROOT / "example_workflows" / f"{name}.json").read_text("utf-8")), comfy.get("/object_info")
    )
    small = {"seed": seed, "length": seconds, "min_resolution": 256}
    if not any("length" in node["inputs"] for node in prompt.values()):
        small |= {"duration": seconds, "length_policy": "trim"}
    for node in prompt.values():
        node["inputs"].update({name: value for name, value in small.items() if name in node["inputs"]})
    return prompt


def held(server: Restartable) -> dict[str, int]:
    process = Path(f"/proc/{server.process.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    anonymous, resident = (1024 * int(status[name].split()[0]) for name in ("RssAnon", "VmRSS"))
    handles = len(os.listdir(process / "fd"))
    return {"bytes": anonymous, "resident": resident, "handles": handles, "threads": int(status["Threads"])}


def videos(server: Restartable) -> list[Path]:
    return sorted((server.base / "output").rglob("*.mp4"))


def left_over(server: Restartable) -> list[Path]:
    return [path for place in ("output", "temp") for path in (server.base / place).rglob(".sonic-*")]


def test_two_hundred_runs_in_one_server_leave_nothing(server):
    comfy = Comfy(server.url, server.base)
    first = None
    for i in range(RUNS):
        done = comfy.run(template(comfy, "fast" if i % 2 else "1 Talking portrait", i, SECONDS))
        assert done.end.type == "execution_success", done.end.data
        if (i + 1) % BEFORE == 0:
            first = first or held(server)
            print(i + 1, held(server))
    last = held(server)
    comfy.close()
    assert len(videos(server)) == RUNS
    assert not left_over(server)
    assert last["handles"] <= first["handles"] + 2  # a connection of the test's own may be closing
    assert last["threads"] <= first["threads"]
    assert last["bytes"] - first["bytes"] < GROWTH * first["resident"]


def begin(server: Restartable, seed: int) -> threading.Thread:
    """A run in another thread, which ends in whatever becomes of the server."""

    from websocket import WebSocketException  # tests run without it, and skip

    def run() -> None:
        try:
            comfy = Comfy(server.url, server.base)
            comfy.run(template(comfy, ("fast", "1 Talking portrait")[seed % 2], seed, 2.0))
        except (OSError, WebSocketException, ValueError):
            pass

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def whole(paths: list[Path]) -> bool:
    return all(probe(path).frames in (50, round(25 * SECONDS)) for path in paths)


def run_clean(server: Restartable, seed: int) -> None:
    comfy = Comfy(server.url, server.base)
    before = len(videos(server))
    done = comfy.run(template(comfy, "fast", seed, SECONDS))
    comfy.close()
    assert done.end.type == "execution_success", done.end.data
    assert len(videos(server)) == before + 1


def test_a_server_that_is_killed_at_any_moment_leaves_whole_files_and_starts_clean(server):
    """SIGKILL, SIGTERM, SIGINT in turn; what was there stays to the byte, whatever has come is whole, the next run is as any other."""
    rng = random.Random("killed")
    run_clean(server, 1000)
    for moment, how in zip(range(MOMENTS), cycle((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)), strict=False):
        before = {path: path.read_bytes() for path in videos(server)}
        thread = begin(server, moment)
        time.sleep(rng.uniform(0, 6))
        server.stop(how)
        thread.join(60)
        assert {path: path.read_bytes() for path in before} == before
        assert whole(videos(server))
        if how is not signal.SIGKILL:
            assert not left_over(server)
        for path in left_over(server):
            path.unlink()
        server.start()
        run_clean(server, 1001 + moment)


def test_an_interrupt_at_any_moment_leaves_whole_files_and_the_next_run_clean(server):
    rng = random.Random("interrupted")
    run_clean(server, 2000)
    slowest = 0.0
    for moment in range(MOMENTS):
        thread = begin(server, 100 + moment)
        time.sleep(rng.uniform(0, 4))
        comfy = Comfy(server.url, server.base)
        start = time.monotonic()
        comfy.post("/interrupt", {})
        thread.join(60)
        slowest = max(slowest, time.monotonic() - start)
        comfy.close()
        assert not thread.is_alive()
        assert whole(videos(server))
        assert not left_over(server)
        run_clean(server, 2001 + moment)
    print(f"slowest end after an interrupt: {slowest:.1f} s")
