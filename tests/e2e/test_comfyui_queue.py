"""`queue` against real ComfyUI servers: the template as the editor saves it, and a server that is stopped and started in the middle."""

from __future__ import annotations

import json
import threading

import pytest
from comfy_server import ROOT, Restartable

from sonic_core.cli import main
from sonic_core.jobs.ledger import Ledger
from sonic_core.media.probe import probe
from sonic_core.samples import PORTRAIT, SPEECH

WORKFLOW = ROOT / "example_workflows" / "fast.json"


@pytest.fixture
def server(checkout, tmp_path):
    server = Restartable(checkout, tmp_path / "server")
    server.start()
    yield server
    server.stop()


@pytest.mark.slow
def test_a_server_that_is_stopped_in_the_middle_loses_no_row_and_makes_none_twice(server, tmp_path, capsys):
    out = tmp_path / "out"
    rows = [{"image": str(PORTRAIT), "audio": str(SPEECH), "4.length": 1.0, "min_resolution": 256} for _ in range(4)]
    table = tmp_path / "jobs.jsonl"
    lines = [json.dumps({**row, "seed": seed, "output": f"clip{seed}.mp4"}) for seed, row in enumerate(rows)]
    table.write_text("\n".join(lines))

    ended = threading.Event()

    def restart():
        while not list(out.glob("*.mp4")):  # one is done, two of the others are in the server's queue
            if ended.wait(0.05):
                return
        server.stop()
        server.start()

    thread = threading.Thread(target=restart)
    thread.start()
    arguments = [str(table), "--server", server.url, "--workflow", str(WORKFLOW), "--output", str(out), "--json"]
    code = main(["queue", *arguments])
    ended.set()
    thread.join()
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "message" not in answer, answer["message"]
    assert (code, answer["done"], answer["failed"]) == (0, 4, 0)
    ledger = Ledger(out)
    assert set(ledger.db.execute("select state, attempts from clips")) == {("done", 1)}
    ledger.close()
    for clip in sorted(out.glob("*.mp4")):
        assert (probe(clip).frames, probe(clip).width) == (25, 256)
    assert {path.name for path in out.glob("*.mp4")} == {f"clip{seed}.mp4" for seed in range(4)}
