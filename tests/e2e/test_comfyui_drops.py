"""Recordings and videos dropped on the nodes that load them."""

import shutil

import pytest
from comfy_server import ROOT, SAMPLES
from test_comfyui_browser import PLAYING, SHORT, fresh, open_template, view  # noqa: F401  fixtures
from test_comfyui_errors import BESIDE

VALUE = "([kind, name, value]) => app.graph._nodes.find((n) => n.type === kind).widgets.find((w) => w.name === name).value === value"


def shows(page, kind, name, value):
    page.wait(VALUE, [kind, name, value], seconds=60)


def test_load_audio_takes_a_recording_and_the_sound_of_a_video(fresh, view, tmp_path):  # noqa: F811
    fresh.run("() => { app.graph.clear(); app.graph.add(LiteGraph.createNode('SonicLoadAudio')); }")
    recording = shutil.copy(view.inputs / SHORT, tmp_path / "said.wav")
    fresh.drop("SonicLoadAudio", [recording])
    shows(fresh, "SonicLoadAudio", "audio", "said.wav")
    shows(fresh, "SonicLoadAudio", "recording", "1.00 s")
    clip = shutil.copy(ROOT / "web" / "samples" / "sonic_sample_clip.mp4", tmp_path / "filmed.mp4")
    fresh.drop("SonicLoadAudio", [clip])
    shows(fresh, "SonicLoadAudio", "audio", "filmed.mp4")
    shows(fresh, "SonicLoadAudio", "recording", "5.28 s")


@pytest.mark.parametrize("kind", ["SonicRecordings", "SonicLoadAudio"])
def test_a_file_that_cannot_be_uploaded_is_told(kind, fresh, tmp_path):  # noqa: F811
    fresh.run("(kind) => { app.graph.clear(); app.graph.add(LiteGraph.createNode(kind)); }", kind)
    clip = shutil.copy(ROOT / "web" / "samples" / "sonic_sample_clip.mp4", tmp_path / "long.mp4")
    fresh.page.route("**/upload/image", lambda route: route.fulfill(status=413))
    fresh.drop(kind, [clip])
    fresh.wait(BESIDE, "long.mp4 could not be uploaded: 413", seconds=30)


def test_several_recordings_dropped_and_run_make_a_clip_each(fresh, view, tmp_path):  # noqa: F811
    open_template(fresh, "Script of several recordings", "SonicRecordings")
    shows(fresh, "SonicRecordings", "files", "sonic_sample_line_1.mp3\nsonic_sample_line_2.mp3")
    assert {"sonic_sample_line_1.mp3", "sonic_sample_line_2.mp3"} <= {path.name for path in view.inputs.iterdir()}
    fresh.choose("SonicRecordings", "files", "")
    recordings = [shutil.copy(view.inputs / SHORT, tmp_path / name) for name in ("line 10.wav", "line 2.wav")]
    fresh.drop("SonicRecordings", recordings)
    shows(fresh, "SonicRecordings", "files", "line 2.wav\nline 10.wav")
    fresh.page.locator("[data-testid=queue-button]").first.click()
    fresh.wait(PLAYING, seconds=300)
    shown = fresh.run("() => Object.values(app.nodeOutputs).find((output) => output.animated?.[0]).images")
    assert [item["filename"].rpartition("_0000")[0] for item in shown] == ["line 2", "line 10"]


def test_a_picture_and_a_recording_dropped_on_generate_go_to_their_loaders(fresh, view, tmp_path):  # noqa: F811
    open_template(fresh, "Script of several recordings", "SonicRecordings")
    fresh.choose("SonicRecordings", "files", "")
    files = [
        shutil.copy(SAMPLES / "portrait.png", tmp_path / "me.png"),
        shutil.copy(view.inputs / SHORT, tmp_path / "a.wav"),
    ]
    fresh.drop("SonicGenerate", files)
    shows(fresh, "LoadImage", "image", "me.png")
    shows(fresh, "SonicRecordings", "files", "a.wav")
