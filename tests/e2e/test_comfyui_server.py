"""The pack in a running ComfyUI, over HTTP."""

import json
from io import BytesIO

import av
import pytest
from comfy_server import ROOT, TEMPLATE_FILES

SCRIPTS = [path.stem for path in (ROOT / "web" / "js").glob("*.js")]


@pytest.fixture
def fast(comfy):
    """The fast template as a prompt, on the first seconds of its recording."""
    from graph import prompt_of

    prompt = prompt_of(
        json.loads((ROOT / "example_workflows" / "fast.json").read_text("utf-8")), comfy.get("/object_info")
    )
    one(prompt, "SonicLoadAudio")["length"] = 3.0
    return prompt


@pytest.fixture
def generate():
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": "portrait.png"}},
        "2": {"class_type": "LoadAudio", "inputs": {"audio": "speech.wav"}},
        "3": {"class_type": "SonicModelLoader", "inputs": {"engine": "lite"}},
        "4": {
            "class_type": "SonicGenerate",
            "inputs": {
                "model": ["3", 0],
                "image": ["1", 0],
                "audio": ["2", 0],
                "seed": 0,
                "inference_steps": 25,
                "dynamic_scale": 1.1,
                "motion_scale": 1.05,
                "emotion": "neutral",
                "emotion_strength": 0.6,
                "duration": 0.0,
                "length_policy": "strict",
                "min_resolution": 512,
                "framing": "full",
                "expand_ratio": 0.18,
                "face_index": 0,
                "style": "auto",
                "filename_prefix": "generated/clip",
                "crf": 18,
                "preset": "veryfast",
                "audio_kbps": 192,
            },
        },
    }


def one(prompt, kind):
    """Inputs of the only node of a kind."""
    (inputs,) = [node["inputs"] for node in prompt.values() if node["class_type"] == kind]
    return inputs


def id_of(prompt, kind):
    return next(node_id for node_id, node in prompt.items() if node["class_type"] == kind)


def videos(comfy):
    return sorted((comfy.base / "output").rglob("*.*"))


def test_the_pack_loads_without_a_complaint(comfy):
    log = (comfy.base / "server.log").read_text()
    assert "IMPORT FAILED" not in log
    assert "Error while calling comfy_entrypoint" not in log
    described = json.loads((ROOT / "locales" / "en" / "nodeDefs.json").read_text("utf-8"))
    assert {name for name in comfy.get("/object_info") if name.startswith("Sonic")} == set(described)


def test_loading_the_pack_writes_nothing(comfy):
    assert not (comfy.base / "models" / "sonic").exists()


def test_templates_extensions_and_words_are_served(comfy):
    assert "fast" in comfy.get("/workflow_templates")["sonic-portrait"]
    assert comfy.get("/api/workflow_templates/sonic-portrait/fast.json")["version"] == 0.4
    assert comfy.get("/api/workflow_templates/sonic-portrait/fast.jpg")[:4] == b"RIFF"  # WebP, as it moves
    scripts = {f"/extensions/sonic-portrait/js/{name}.js" for name in SCRIPTS}
    assert {path for path in comfy.get("/extensions") if "sonic-portrait" in path} == scripts
    for name in TEMPLATE_FILES:
        assert comfy.get(f"/extensions/sonic-portrait/samples/{name}") == (ROOT / "web" / "samples" / name).read_bytes()
    assert comfy.get("/i18n")["zh"]["nodeDefs"]["SonicPreData"]["inputs"]["image"]["name"] == "肖像"
    assert b"# SONIC_PreData (portrait)" in comfy.get("/extensions/sonic-portrait/docs/SonicPreData.md")


def test_the_fast_template_ends_in_a_playable_video_with_the_graph_inside(comfy, fast):
    done = comfy.run(fast)
    assert done.end.type == "execution_success", done.end.data
    shown = done.outputs[id_of(fast, "SonicVideoCombine")]
    assert shown["animated"] == [True]
    file = comfy.get("/view", **shown["images"][0])
    with av.open(BytesIO(file)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.audio[0].codec_context.name == "aac"
        assert sum(1 for _ in container.decode(video=0)) == 75
        graph = json.loads(container.metadata["prompt"])
        assert graph[id_of(fast, "SonicModelLoader")]["inputs"]["engine"] == "lite"


def test_a_kind_of_file_that_browsers_do_not_play_has_a_copy_that_they_do(comfy, fast):
    one(fast, "SonicVideoCombine")["file_format"] = "gif"
    done = comfy.run(fast)
    assert done.end.type == "execution_success", done.end.data
    shown = done.outputs[id_of(fast, "SonicVideoCombine")]
    assert comfy.get("/view", **shown["file"][0])[:6] == b"GIF89a"
    with av.open(BytesIO(comfy.get("/view", **shown["images"][0]))) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in container.decode(video=0)) == 75


def test_the_file_of_the_template_tells_its_whole_making(comfy, fast):
    one(fast, "SonicInference")["seed"] = 4712
    done = comfy.run(fast)
    shown = done.outputs[id_of(fast, "SonicVideoCombine")]
    with av.open(BytesIO(comfy.get("/view", **shown["images"][0]))) as container:
        told = container.metadata
    assert (told["engine"], told["seed"]) == ("lite", "4712")
    assert {"models", "settings", "image_sha256", "audio_sha256", "AIGC"} <= set(told)


def test_progress_moves_evenly_and_pictures_come_while_frames_are_drawn(comfy, fast):
    one(fast, "SonicInference")["seed"] = 4711
    done = comfy.run(fast)
    decode = id_of(fast, "SonicLatentDecode")
    steps = [event.data["value"] / event.data["max"] for event in done.of("progress") if event.data["node"] == decode]
    assert steps == sorted(steps)
    assert steps[-1] == 1.0
    assert len(steps) >= 3
    assert done.of("picture")


def test_another_seed_runs_again_from_inference_only(comfy, fast):
    comfy.run(fast)
    one(fast, "SonicInference")["seed"] = 99
    done = comfy.run(fast)
    cached = set(done.of("execution_cached")[0].data["nodes"])
    kept = {"LoadImage", "SonicLoadAudio", "SonicModelLoader", "SonicPreData"}
    assert cached == {node_id for node_id, node in fast.items() if node["class_type"] in kept}


def test_another_smoothing_runs_again_from_smoothing_only(comfy, fast):
    comfy.run(fast)
    one(fast, "SonicTemporalSmooth")["strength"] = 0.77
    done = comfy.run(fast)
    again = set(fast) - set(done.of("execution_cached")[0].data["nodes"])
    assert {fast[node_id]["class_type"] for node_id in again} == {"SonicTemporalSmooth", "SonicVideoCombine"}


def test_core_nodes_can_finish_the_video(comfy, fast):
    decode, combine = id_of(fast, "SonicLatentDecode"), id_of(fast, "SonicVideoCombine")
    del fast[combine]
    fast["upscale"] = {
        "class_type": "ImageScaleBy",
        "inputs": {"image": [decode, 0], "upscale_method": "bilinear", "scale_by": 0.5},
    }
    fast["video"] = {
        "class_type": "CreateVideo",
        "inputs": {"images": ["upscale", 0], "audio": [decode, 2], "fps": [decode, 1]},
    }
    save = {"video": ["video", 0], "filename_prefix": "core/clip", "format": "auto", "codec": "auto"}
    fast["save"] = {"class_type": "SaveVideo", "inputs": save}
    done = comfy.run(fast)
    assert done.end.type == "execution_success", done.end.data


@pytest.mark.parametrize("kind", ["mp4", "webm", "gif"])
def test_cores_save_video_keeps_what_our_file_says_of_its_making(comfy, generate, kind):
    generate["4"]["inputs"].update(file_format=kind, min_resolution=256, filename_prefix=f"kept/{kind}")
    save = {"video": ["4", 0], "filename_prefix": f"core/{kind}", "format": "auto", "codec": "auto"}
    generate["5"] = {"class_type": "SaveVideo", "inputs": save}
    done = comfy.run(generate)
    assert done.end.type == "execution_success", done.end.data
    with av.open(BytesIO(comfy.get("/view", **done.outputs["5"]["images"][0]))) as container:
        told = {key.lower(): value for key, value in container.metadata.items()}
    assert told["engine"] == "lite"
    assert told["ai_generated"] == "true"
    assert {"aigc", "digital_source_type", "image_sha256", "audio_sha256", "settings"} <= set(told)


def test_our_video_goes_into_core_video_nodes(comfy, generate):
    generate["5"] = {"class_type": "GetVideoComponents", "inputs": {"video": ["4", 0]}}
    generate["6"] = {"class_type": "PreviewImage", "inputs": {"images": ["5", 0]}}
    done = comfy.run(generate)
    assert done.end.type == "execution_success", done.end.data
    assert len(done.outputs["6"]["images"]) > 100


def test_generate_shows_a_video_and_no_live_pictures(comfy, generate):
    generate["4"]["inputs"]["seed"] = 5
    done = comfy.run(generate)
    assert done.end.type == "execution_success", done.end.data
    assert done.outputs["4"]["images"][0]["subfolder"] == "generated"
    assert not done.of("picture")


def test_a_list_of_recordings_makes_a_clip_each_that_other_nodes_take(comfy, generate):
    generate["parts"] = {"class_type": "ForeignParts", "inputs": {"audio": ["2", 0]}}
    generate["4"]["inputs"].update(audio=["parts", 0], seed=11, min_resolution=256, filename_prefix="listed/clip")
    save = {"video": ["4", 0], "filename_prefix": "core/listed", "format": "auto", "codec": "auto"}
    generate["5"] = {"class_type": "SaveVideo", "inputs": save}
    done = comfy.run(generate)
    assert done.end.type == "execution_success", done.end.data
    shown = done.outputs["4"]["images"]
    assert len({item["filename"] for item in shown}) == 2
    for item, frames in zip(shown, (25, 50), strict=True):
        with av.open(BytesIO(comfy.get("/view", **item))) as container:
            assert sum(1 for _ in container.decode(video=0)) == frames
    assert len(done.outputs["5"]["images"]) == 2
    words = b" ".join(event.data for event in done.of("words"))
    assert b"clip 1/2: " in words
    assert b"clip 2/2: " in words
    steps = [event.data["value"] for event in done.of("progress") if event.data["node"] == "4"]
    assert steps == sorted(steps)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.6, 0.95])
def test_cancel_takes_effect_within_a_second_and_leaves_no_file(comfy, generate, share):
    generate["4"]["inputs"].update(seed=int(share * 100) + 1000, min_resolution=1024)
    before, asked = videos(comfy), []

    def cancel(event):
        started = event.type == "executing" and event.data["node"] == "4" and share == 0
        reached = (
            event.type == "progress" and event.data["node"] == "4" and event.data["value"] >= share * event.data["max"]
        )
        if not asked and (started or (share and reached)):
            asked.append(event.at)
            comfy.post("/interrupt", {})

    done = comfy.run(generate, cancel)
    assert done.end.type == "execution_interrupted"
    assert done.end.at - asked[0] < 1.0
    assert videos(comfy) == before


def test_the_run_after_a_cancelled_one_works(comfy, generate):
    generate["4"]["inputs"]["seed"] = 77
    comfy.run(generate, lambda event: event.type == "progress" and comfy.post("/interrupt", {}))
    generate["4"]["inputs"]["seed"] = 78
    assert comfy.run(generate).end.type == "execution_success"


def test_errors_say_what_to_do(comfy, generate):
    generate["4"]["inputs"].update(duration=60.0)
    done = comfy.run(generate)
    assert done.end.type == "execution_error"
    assert "Set duration to 0" in done.end.data["exception_message"]


@pytest.mark.parametrize("output", [0, 1], ids=["its own type", "no type"])
def test_what_another_sonic_pack_prepared_is_refused(comfy, fast, output):
    fast["foreign"] = {"class_type": "ForeignPreData", "inputs": {}}
    one(fast, "SonicInference")["predata"] = ["foreign", output]
    if output == 0:  # before anything runs
        with pytest.raises(ValueError, match="SONIC_PREDATA"):
            comfy.run(fast)
    else:
        done = comfy.run(fast)
        assert done.end.type == "execution_error"
        assert "dict of another node pack" in done.end.data["exception_message"]


def test_a_missing_recording_is_named_before_anything_runs(comfy, fast):
    one(fast, "SonicLoadAudio")["audio"] = "gone.wav"
    with pytest.raises(ValueError, match=r"gone\.wav is not in ComfyUI's input folder"):
        comfy.run(fast)


def test_a_video_without_sound_gives_a_clear_error(comfy, generate):
    images = {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 5, "color": 0}}
    generate["2"] = {"class_type": "GetVideoComponents", "inputs": {"video": ["mute", 0]}}
    generate["mute"] = {"class_type": "CreateVideo", "inputs": {"images": ["images", 0], "fps": 5.0}}
    generate["images"] = images
    generate["4"]["inputs"]["audio"] = ["2", 1]
    done = comfy.run(generate)
    assert done.end.type == "execution_error"
    assert "Connect a recording" in done.end.data["exception_message"]
