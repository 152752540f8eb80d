"""Weights fetched by a node of a running ComfyUI, from a server on this machine that answers as the hub does."""

import shutil
import sys
from pathlib import Path

import pytest
from comfy_server import ROOT, Comfy, server
from small_weights import content

from sonic_core.engines.sonic.files import SONIC_FILES

sys.path.append(str(ROOT / "tests" / "unit"))

FILES = {
    f"{file.source.repository}/{item.path}": content(file.source.repository, item.path)
    for file in SONIC_FILES
    for item in file.source.files
}


@pytest.fixture(scope="module")
def hub():
    from hub_server import Hub, serving

    with serving(Hub(FILES)) as served:
        yield served


@pytest.fixture(scope="module")
def comfy(checkout, hub, tmp_path_factory):
    base = tmp_path_factory.mktemp("download")
    shutil.copytree(Path(__file__).with_name("small_weights"), base / "custom_nodes" / "small_weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        with server(checkout, base) as url:
            client = Comfy(url, base)
            assert client.run({"1": {"class_type": "SmallWeights", "inputs": {}}}).end.type == "execution_success"
            yield client
            client.close()


def download(comfy, accept):
    inputs = comfy.get("/object_info/SonicDownload")["SonicDownload"]["input"]["required"]
    choices = inputs["licences"][0] if isinstance(inputs["licences"][0], list) else inputs["licences"][1]["options"]
    return {"1": {"class_type": "SonicDownload", "inputs": {"engine": "sonic", "licences": choices[accept]}}}


def test_a_run_lists_then_fetches_can_be_cancelled_and_goes_on(comfy, hub):
    listed = comfy.run(download(comfy, 0))
    assert "CC BY-NC-SA 4.0, non-commercial" in listed.outputs["1"]["text"][0]
    assert hub.requests == []

    def send(handler, data, start):
        handler.send_start(data, start)
        handler.wfile.write(data[start : start + 11 * 2**20])
        handler.wfile.flush()
        if len(data) > 11 * 2**20:
            hub.over.wait(60)
        handler.close_connection = True

    hub.send, asked = send, []

    def cancel(event):
        if not asked and event.type == "progress" and event.data["value"] > 0.2 * event.data["max"]:
            asked.append(event.at)
            comfy.post("/interrupt", {})

    stopped = comfy.run(download(comfy, 1), cancel)
    hub.over.set()
    hub.send = None
    assert stopped.end.type == "execution_interrupted"
    assert stopped.end.at - asked[0] < 2
    models = comfy.base / "models"
    assert [path.suffix for path in (models / "sonic").iterdir()] == [".part"]

    done = comfy.run(download(comfy, 1))
    assert done.end.type == "execution_success", done.end.data
    assert any(ranged and ranged != "bytes=0-" for _, _, ranged in hub.requests)
    for file in SONIC_FILES:
        for item, place in file.targets.items():
            assert (models / place).read_bytes() == FILES[f"{file.source.repository}/{item.path}"]
    again = comfy.run(download(comfy, 1))
    assert again.outputs["1"]["text"] == ["All weights of the sonic engine are there already."]


def test_in_one_graph_with_the_loader_the_download_comes_first(comfy):
    shutil.rmtree(comfy.base / "models" / "sonic")
    prompt = download(comfy, 1) | {
        "0": {"class_type": "SonicModelLoader", "inputs": {"engine": "sonic"}},
        "2": {"class_type": "LoadImage", "inputs": {"image": "portrait.png"}},
        "3": {"class_type": "LoadAudio", "inputs": {"audio": "speech.wav"}},
        "4": {"class_type": "SonicGenerate", "inputs": {"model": ["0", 0], "image": ["2", 0], "audio": ["3", 0]}},
    }
    for name in ("portrait.png", "speech.wav"):
        shutil.copy(ROOT / "sonic_core" / "samples" / name, comfy.base / "input")
    required = comfy.get("/object_info/SonicGenerate")["SonicGenerate"]["input"]["required"]
    defaults = {name: spec[1]["default"] for name, spec in required.items() if "default" in (spec[1:] or [{}])[0]}
    prompt["4"]["inputs"] = defaults | prompt["4"]["inputs"]
    done = comfy.run(prompt)
    assert done.end.type == "execution_error"  # what was fetched is no network
    assert done.end.data["node_id"] == "0"
    assert (comfy.base / "models" / "sonic" / "unet.pth").is_file()
