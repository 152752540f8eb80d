"""The high-quality template in a running ComfyUI: without weights, and with tiny random ones."""

import json
import shutil

import pytest
from comfy_server import ROOT, TEMPLATE_FILES, Comfy, server
from test_comfyui_server import id_of, one


@pytest.fixture(scope="module")
def tiny(checkout, tmp_path_factory):
    """A client of a ComfyUI whose models folder holds a tiny Sonic."""
    from tiny_sonic import write_tiny_sonic

    base = tmp_path_factory.mktemp("tiny-sonic")
    write_tiny_sonic(base / "models")
    with server(checkout, base) as url:
        for name in TEMPLATE_FILES:
            shutil.copy(ROOT / "web" / "samples" / name, base / "input")
        client = Comfy(url, base)
        yield client
        client.close()


def high_quality(comfy):
    """The template as a prompt small, short and in few steps."""
    from graph import prompt_of

    template = json.loads((ROOT / "example_workflows" / "high_quality.json").read_text("utf-8"))
    prompt = prompt_of(template, comfy.get("/object_info"))
    one(prompt, "SonicLoadAudio")["length"] = 1.0
    one(prompt, "SonicPreData")["min_resolution"] = 256
    one(prompt, "SonicInference")["inference_steps"] = 5
    return prompt


def test_without_weights_the_error_lists_every_missing_file_with_size_licence_and_source(comfy):
    from sonic_core.engines.sonic.files import SONIC_FILES

    done = comfy.run(high_quality(comfy))
    assert done.end.type == "execution_error"
    for file in SONIC_FILES:
        assert (file.described() in done.end.data["exception_message"]) != file.optional


def test_the_loader_lists_the_checkpoints(tiny):
    inputs = tiny.get("/object_info/SonicModelLoader")["SonicModelLoader"]["input"]["optional"]
    chosen = {name: inputs[name] for name in ("unet", "svd")}
    listed = {name: spec[0] if isinstance(spec[0], list) else spec[1]["options"] for name, spec in chosen.items()}
    assert listed["unet"][0] == listed["svd"][0] == "auto"
    assert "unet.pth" in listed["unet"]
    assert "svd_xt.safetensors" in listed["svd"]


def test_the_template_makes_a_video_and_shows_pictures_while_sampling(tiny):
    prompt = high_quality(tiny)
    sampling, pictures = id_of(prompt, "SonicInference"), []
    running = [None]

    def watch(event):
        if event.type == "executing":
            running[0] = event.data["node"]
        if event.type == "picture" and running[0] == sampling:
            pictures.append(event.data)

    done = tiny.run(prompt, watch)
    assert done.end.type == "execution_success", done.end.data
    assert done.outputs[id_of(prompt, "SonicVideoCombine")]["images"][0]["filename"].endswith(".mp4")
    assert any(b"\xff\xd8\xff" in picture[:64] for picture in pictures)
    steps = [event.data["value"] / event.data["max"] for event in done.of("progress") if event.data["node"] == sampling]
    assert steps == sorted(steps)
    assert steps[-1] == 1.0


def test_cancel_while_sampling_takes_effect_and_the_next_run_works(tiny):
    prompt, asked = high_quality(tiny), []
    sampling = id_of(prompt, "SonicInference")
    one(prompt, "SonicInference").update(seed=5, inference_steps=100)

    def cancel(event):
        if event.type == "progress" and event.data["node"] == sampling and not asked:
            asked.append(event.at)
            tiny.post("/interrupt", {})

    done = tiny.run(prompt, cancel)
    assert done.end.type == "execution_interrupted"
    steps = [event.data["value"] / event.data["max"] for event in done.of("progress") if event.data["node"] == sampling]
    assert max(steps) < 0.1  # of 100 steps: it stops between two windows, however slow the machine
    one(prompt, "SonicInference").update(seed=6, inference_steps=2)
    assert tiny.run(prompt).end.type == "execution_success"
