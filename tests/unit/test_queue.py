"""`queue`: a saved workflow and a table become prompts on ComfyUI servers, each row's file is made once, whatever restarts."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from fake_comfyui import DEFINITIONS, FakeComfyUI

from sonic_core.cli import main
from sonic_core.errors import SettingsError
from sonic_core.frames import FrameStream
from sonic_core.jobs.comfy_queue import ComfyQueue, InWork, Site
from sonic_core.jobs.comfy_workflow import Workflow
from sonic_core.jobs.ledger import Ledger, Planned
from sonic_core.media.probe import probe
from sonic_core.media.writer import write_video
from sonic_core.samples import PORTRAIT, SPEECH

ROOT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="stops processes by signals")
LIMIT = 60  # s that nothing here should come near
API = {
    "3": {"class_type": "LoadImage", "inputs": {"image": "there.png"}, "_meta": {"title": "Presenter"}},
    "2": {"class_type": "SonicLoadAudio", "inputs": {"audio": "a.wav", "start": 0.0}, "_meta": {"title": "Voice 1.5"}},
    "4": {
        "class_type": "SonicInference",
        "inputs": {"image": ["3", 0], "audio": ["2", 0], "seed": 7, "style": "auto", "loopable": False},
        "_meta": {"title": "Sonic Inference"},
    },
    "7": {"class_type": "Other", "inputs": {"seed": 1, "scale": 2.0}, "_meta": {"title": "Twin"}},
    "8": {"class_type": "Other", "inputs": {"seed": 1, "scale": 3.0}, "_meta": {"title": "Twin"}},
    "5": {
        "class_type": "SaveVideo",
        "inputs": {"video": ["4", 0], "filename_prefix": "out"},
        "_meta": {"title": "Save Video"},
    },
}


def socket(name, kind, link=None):
    return {"name": name, "type": kind, "link": link}


EDITOR = {
    "nodes": [
        {"id": 1, "type": "MarkdownNote", "widgets_values": ["read me"]},
        {"id": 3, "type": "LoadImage", "title": "Presenter", "widgets_values": ["there.png", "image"]},
        {"id": 2, "type": "SonicLoadAudio", "title": "Voice 1.5", "widgets_values": ["a.wav", 0.0]},
        {"id": 6, "type": "Reroute", "inputs": [socket("", "*", 1)], "outputs": [{"type": "IMAGE"}]},
        {
            "id": 10,
            "type": "Other",
            "mode": 4,
            "inputs": [socket("x", "MASK"), socket("audio", "AUDIO", 2)],
            "outputs": [{"type": "AUDIO"}],
        },
        {"id": 11, "type": "PrimitiveNode", "widgets_values": [7, "fixed"]},
        {"id": 12, "type": "Other", "mode": 2, "widgets_values": [0, 0]},
        {
            "id": 4,
            "type": "SonicInference",
            "inputs": [
                socket("image", "IMAGE", 3),
                socket("audio", "AUDIO", 4),
                socket("seed", "INT", 5),
                socket("mask", "MASK", 7),
            ],
            "widgets_values": [99, "randomize", "auto", False],
        },
        {"id": 7, "type": "Other", "title": "Twin", "widgets_values": [1, 2.0]},
        {"id": 8, "type": "Other", "title": "Twin", "widgets_values": [1, "fixed", 3.0]},
        {"id": 5, "type": "SaveVideo", "inputs": [socket("video", "VIDEO", 6)], "widgets_values": ["out"]},
    ],
    "links": [
        [1, 3, 0, 6, 0, "IMAGE"],
        [2, 2, 0, 10, 1, "AUDIO"],
        [3, 6, 0, 4, 0, "IMAGE"],
        [4, 10, 0, 4, 1, "AUDIO"],
        [5, 11, 0, 4, 2, "INT"],
        [6, 4, 0, 5, 0, "VIDEO"],
        [7, 12, 0, 4, 3, "MASK"],
    ],
}


def saved(folder, workflow=API):
    path = folder / "workflow.json"
    path.write_text(json.dumps(workflow))
    return path


def table(folder, *rows, columns="image,audio,seed,output"):
    path = folder / "jobs.csv"
    path.write_text("\n".join((columns, *rows)) + "\n", encoding="utf-8")
    return path


def rows(count):
    return [f"{PORTRAIT},{SPEECH},{i + 100},clip{i}.mp4" for i in range(count)]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    frames = FrameStream(5, 64, 64, 25.0, lambda: iter([np.zeros((64, 64, 3), np.uint8)] * 5))
    return write_video(frames, None, tmp_path_factory.mktemp("made") / "video.mp4")


@pytest.fixture
def comfy(tmp_path, video):
    fake = FakeComfyUI(tmp_path / "server", video)
    yield fake
    if fake.alive:
        fake.stop()


def queue(folder, *servers, options=(), capsys=None):
    addresses = [word for server in servers for word in ("--server", server.url)]
    paths = [folder / "jobs.csv", "--workflow", folder / "workflow.json", "--output", folder / "out"]
    code = main(["queue", *map(str, paths), *addresses, *options, "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def report(folder):
    with (folder / "out" / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["output"]: row for row in csv.DictReader(file)}


def test_the_editors_format_gives_the_same_prompt_as_the_apis(tmp_path):
    editor, api = Workflow(saved(tmp_path, EDITOR), DEFINITIONS), Workflow(saved(tmp_path), DEFINITIONS)
    assert editor.copied() == api.copied()
    assert editor.titles == api.titles


def test_columns_are_named_by_id_by_title_or_in_short(tmp_path):
    workflow = Workflow(saved(tmp_path), DEFINITIONS)
    found = {
        name: (workflow.column(name).node, workflow.column(name).name)
        for name in ("image", "audio", "seed", "8.seed", "Voice 1.5.start", "Presenter.image", "style")
    }
    assert found == {
        "image": ("3", "image"),
        "audio": ("2", "audio"),
        "seed": ("4", "seed"),
        "8.seed": ("8", "seed"),
        "Voice 1.5.start": ("2", "start"),
        "Presenter.image": ("3", "image"),
        "style": ("4", "style"),
    }
    with pytest.raises(SettingsError, match=r"several inputs of workflow.json; write 7.seed, 8.seed"):
        workflow.column("Twin.seed")
    with pytest.raises(SettingsError, match="did you mean style"):
        workflow.column("stile")


def test_a_workflow_that_cannot_be_used_says_why(tmp_path):
    for content, said in (
        ('{"definitions": {"subgraphs": [1]}, "nodes": []}', "Export"),
        ('{"1": {"class_type": "Nobody", "inputs": {}}}', "Nobody, which the server does not have"),
        ("[1]", "expected a workflow"),
        ('{"a": 1}', "is no workflow"),
        ("{", "is no JSON"),
    ):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(SettingsError, match=said):
            Workflow(tmp_path / "bad.json", DEFINITIONS)


def test_rows_are_uploaded_made_and_named_and_a_second_run_queues_nothing(tmp_path, comfy, capsys):
    saved(tmp_path)
    table(tmp_path, *rows(2), f"{PORTRAIT},{SPEECH},5,下午 🙂.mp4")
    code, answer = queue(tmp_path, comfy, capsys=capsys)
    assert (code, answer["done"], answer["failed"]) == (0, 3, 0)
    names = {"clip0.mp4", "clip1.mp4", "下午 🙂.mp4"}
    assert {path.name for path in (tmp_path / "out").glob("*.mp4")} == names
    assert all(probe(tmp_path / "out" / name).frames == 5 for name in names)
    assert len(comfy.uploads) == 2  # the same files only once
    assert all(row["state"] == "done" and row["duration_s"] == "0.2" for row in report(tmp_path).values())
    assert not (tmp_path / "out" / ".sonic-batch.work").exists()
    queued = [entry["prompt"][2]["4"]["inputs"]["seed"] for entry in comfy.history.values()]
    assert queued == [100, 101, 5]
    assert queue(tmp_path, comfy, capsys=capsys)[1]["kept"] == 3
    assert len(comfy.executed) == 3


def test_problems_are_told_at_once_and_nothing_is_queued(tmp_path, comfy, capsys):
    saved(tmp_path)
    table(
        tmp_path,
        f"nowhere.png,{SPEECH},1,a.mp4,auto",
        f"{PORTRAIT},{SPEECH},many,b.mp4,auto",
        f"{PORTRAIT},{SPEECH},1,../c.mp4,auto",
        f"{PORTRAIT},{SPEECH},1,d.mp4,phot",
        columns="image,audio,seed,output,style",
    )
    code, answer = queue(tmp_path, comfy, capsys=capsys)
    assert code == 2
    for text in (
        "row 2: Cannot read",
        "row 3: seed of node 4 is 'many'",
        "row 4: the output ../c.mp4 lies outside",
        "row 5: style of node 4 is 'phot'; did you mean photo?",
    ):
        assert text in answer["message"]
    table(tmp_path, *rows(1), columns="image,audio,sead,output")
    assert "did you mean seed?" in queue(tmp_path, comfy, capsys=capsys)[1]["message"]
    assert comfy.executed == []


def test_a_row_that_fails_or_is_refused_is_reported_with_the_servers_words(tmp_path, comfy, capsys):
    saved(tmp_path)
    table(tmp_path, f"{PORTRAIT},{SPEECH},666,bad.mp4", f"{PORTRAIT},{SPEECH},13,refused.mp4", *rows(1))
    code, answer = queue(tmp_path, comfy, capsys=capsys)
    assert (code, answer["done"], answer["failed"]) == (1, 1, 2)
    found = report(tmp_path)
    assert "SonicInference: no face was found" in found["bad.mp4"]["error"]
    assert found["bad.mp4"]["attempts"] == "2"
    assert "Value not in list seed: 13" in found["refused.mp4"]["error"]
    assert found["refused.mp4"]["attempts"] == "1"


def test_rows_go_to_the_server_with_the_shorter_queue(tmp_path, comfy, video, capsys):
    other = FakeComfyUI(tmp_path / "other", video)
    try:
        with comfy.lock:  # somebody else's work, which takes long
            comfy.pending += [(0, f"theirs{i}", {}, {}, []) for i in range(20)]
            comfy.seconds = 0.3
            comfy.lock.notify_all()
        saved(tmp_path)
        table(tmp_path, *rows(8))
        assert queue(tmp_path, comfy, other, capsys=capsys)[1]["done"] == 8
        assert len(other.executed) > 5
        assert not set(comfy.removed)
    finally:
        other.stop()


def test_rows_that_a_restarted_server_forgot_are_queued_again_once(tmp_path, comfy, capsys):
    saved(tmp_path)
    table(tmp_path, *rows(5))
    comfy.seconds = 0.3

    def restart():
        while len(comfy.executed) < 2:
            time.sleep(0.01)
        comfy.stop()
        time.sleep(1.5)
        comfy.start()

    thread = threading.Thread(target=restart)
    thread.start()
    code, answer = queue(tmp_path, comfy, capsys=capsys)
    thread.join()
    assert (code, answer["done"], answer["failed"]) == (0, 5, 0)
    assert len(list((tmp_path / "out").glob("*.mp4"))) == 5
    assert {row["attempts"] for row in report(tmp_path).values()} == {"1"}
    assert len(comfy.executed) <= 6  # at most the one that was done and not fetched yet is made again


def test_no_server_is_told(tmp_path, comfy, capsys):
    comfy.stop()
    saved(tmp_path)
    table(tmp_path, *rows(1))
    code, answer = queue(tmp_path, comfy, capsys=capsys)
    assert code == 1
    assert f"No ComfyUI answers at {comfy.url}" in answer["message"]


def process(folder, comfy):
    command = [sys.executable, "-m", "sonic_core", "queue", folder / "jobs.csv", "--server", comfy.url, "--json"]
    return subprocess.Popen(
        [*command, "--workflow", folder / "workflow.json", "--output", folder / "out"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@POSIX
def test_ctrl_c_takes_our_prompts_out_of_the_queue_and_leaves_others(tmp_path, comfy):
    saved(tmp_path)
    table(tmp_path, *rows(4))
    comfy.seconds = 30
    client = process(tmp_path, comfy)
    wait_for(lambda: comfy.running and comfy.pending)
    with comfy.lock:
        comfy.pending.append((0, "theirs", {}, {}, []))
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=LIMIT)
    assert client.returncode == 130
    wait_for(lambda: [item[1] for item in comfy.running] == ["theirs"])
    assert comfy.pending == []
    assert len(comfy.removed) == 1
    assert set(report(tmp_path)) == {f"clip{i}.mp4" for i in range(4)}


@POSIX
def test_a_batch_that_was_killed_finds_the_prompts_that_it_had_queued(tmp_path, comfy, capsys):
    saved(tmp_path)
    table(tmp_path, *rows(3))
    comfy.seconds = 0.5
    client = process(tmp_path, comfy)
    wait_for(lambda: comfy.running and comfy.pending)
    os.kill(client.pid, signal.SIGKILL)
    client.communicate()
    wait_for(lambda: len(comfy.executed) >= 1)
    assert queue(tmp_path, comfy, capsys=capsys)[1]["done"] == 3
    assert len(comfy.executed) == 3
    assert len(list((tmp_path / "out").glob("*.mp4"))) == 3


def test_a_prompt_that_is_on_its_way_is_not_taken_for_forgotten(tmp_path):
    class Server:
        url, sent = "http://x", 0

        async def queued(self):
            return [], []

        async def history(self, identity):
            return None

        async def submit(self, prompt, identity):
            Server.sent += 1
            looking.append(asyncio.create_task(queue._settle(site)))
            for _ in range(9):
                await asyncio.sleep(0)
            looking[0].cancel()

    async def whole():
        nonlocal queue, site
        queue = ComfyQueue(ledger, run, [Server()], None, tries=2, stop_after=0)
        (site,) = queue.sites
        site.up = True
        assert await queue._hand_out()

    ledger, looking, queue, site = Ledger(tmp_path), [], None, None
    run = ledger.enlist()
    ledger.plan(run, [Planned("a.mp4", 0, "k", '{"values": [], "files": []}')])
    with mock.patch("sonic_core.jobs.comfy_queue.prompt_of", return_value={}):
        asyncio.run(whole())
    ledger.close()
    assert Server.sent == 1


def test_further_results_take_no_name_that_is_another_rows_or_a_strangers(tmp_path):
    class Server:
        url = "http://there"

        async def download(self, file, target):
            target.write_bytes(file["filename"].encode())

    ledger = Ledger(tmp_path)
    run = ledger.enlist()
    ledger.plan(run, [Planned(f"{name}.gif", row, "k", "{}") for row, name in enumerate(("a", "a_2"))])
    (tmp_path / "a_2_1.gif").write_text("somebody's")
    queue, work = ComfyQueue(ledger, run, [], None, tries=2, stop_after=0), InWork(ledger.claim(run, run), 0.0)
    for _ in range(2):  # fetched again it is the same file
        asyncio.run(queue._fetch(Site(Server()), work, [{"filename": "x.gif"}, {"filename": "y.gif"}]))
    ledger.close()
    there = {path.name: path.read_text() for path in tmp_path.glob("*.gif")}
    assert there == {"a.gif": "x.gif", "a_2_1.gif": "somebody's", "a_2_2.gif": "y.gif"}


def test_a_workflow_of_another_shape_is_told_in_words(tmp_path):
    path = tmp_path / "flow.json"
    path.write_text(json.dumps({**EDITOR, "links": [7]}))
    with pytest.raises(SettingsError, match=r"flow.json is not as ComfyUI saves a workflow .*Export \(API\)"):
        Workflow(path, DEFINITIONS)
    path.write_text(json.dumps({"3": {"class_type": "Unheard", "inputs": {}}}))
    with pytest.raises(SettingsError, match=r"^flow\.json uses the node Unheard, which the server does not have"):
        Workflow(path, DEFINITIONS)
    path.write_text(json.dumps(API))
    with pytest.raises(SettingsError, match="The server describes the node LoadImage in a way that no ComfyUI does"):
        Workflow(path, {**DEFINITIONS, "LoadImage": {"input": [1]}})


def test_a_node_whose_pack_forgot_a_comma_is_taken(tmp_path):
    path = tmp_path / "flow.json"
    path.write_text(json.dumps({"3": {"class_type": "Masked", "inputs": {"text": "hi"}}}))
    definition = {"input": {"required": {"text": ["STRING", {}]}, "optional": {"mask": "MASK"}}}
    assert set(Workflow(path, {"Masked": definition}).inputs["3"]) == {"text"}
