"""What the nodes promise before they run: ids, names, words, ranges."""

import ast
import importlib
import inspect

import pytest
from pack_loading import ROOT

NAMES = {
    "Download": ("SonicDownload", "Sonic Download"),  # the design card, and Frame Interpolate: class, id, title
    "LoadAudio": ("SonicLoadAudio", "Load Audio (Sonic)"),
    "Recordings": ("SonicRecordings", "Recordings (Sonic)"),
    "ModelLoader": ("SonicModelLoader", "Sonic Model Loader"),
    "SONIC_PreData": ("SonicPreData", "SONIC_PreData (portrait)"),
    "SonicInference": ("SonicInference", "Sonic Inference"),
    "LatentDecode": ("SonicLatentDecode", "Latent Decode (Sonic)"),
    "LipSyncAlign": ("SonicLipSyncAlign", "Lip Sync Align"),
    "TemporalSmooth": ("SonicTemporalSmooth", "Temporal Smooth"),
    "FrameInterpolate": ("SonicFrameInterpolate", "Frame Interpolate (Sonic)"),
    "VideoCombine": ("SonicVideoCombine", "Video Combine (Sonic)"),
    "Generate": ("SonicGenerate", "Sonic Generate (streaming)"),
}
SETTINGS_ON = {
    "SonicPreData": {
        "duration",
        "length_policy",
        "min_resolution",
        "framing",
        "expand_ratio",
        "face_index",
        "style",
        "aspect",
    },
    "SonicInference": {
        "seed",
        "inference_steps",
        "dynamic_scale",
        "motion_scale",
        "emotion",
        "emotion_strength",
        "loopable",
    },
}


def schemas(pack):
    return {node_id: cls.GET_SCHEMA() for node_id, cls in pack.nodes.items()}


def test_classes_ids_and_titles_are_those_of_the_design(pack):
    found = {cls.__name__: (node_id, cls.GET_SCHEMA().display_name) for node_id, cls in pack.nodes.items()}
    assert found == NAMES


def test_every_node_input_and_output_is_explained(pack):
    for node_id, schema in schemas(pack).items():
        assert schema.description, node_id
        for item in (*schema.inputs, *schema.outputs):
            assert (item.tooltip or "").endswith("."), f"{node_id}.{item.id}"
        assert all(output.display_name for output in schema.outputs), node_id


def test_every_node_is_found_by_other_words_where_the_host_knows_them(pack):
    for node_id, schema in schemas(pack).items():
        assert schema.search_aliases, node_id


def test_widgets_take_default_range_and_step_from_the_settings(pack):
    from dataclasses import fields

    table = {field.name: field for field in fields(pack.part("sonic_core.settings").Settings)}
    for node_id, names in SETTINGS_ON.items():
        inputs = {item.id: item for item in schemas(pack)[node_id].inputs}
        for name in names:
            wanted = table[name]
            assert inputs[name].default == wanted.default
            if isinstance(wanted.default, bool):
                continue
            if wanted.metadata["choices"]:
                assert tuple(inputs[name].options) == wanted.metadata["choices"]
            else:
                limits = (inputs[name].min, inputs[name].max, inputs[name].step)
                assert limits == tuple(wanted.metadata[key] for key in ("low", "high", "step"))


def test_generate_has_every_setting(pack):
    from dataclasses import fields

    inputs = {item.id for item in schemas(pack)["SonicGenerate"].inputs}
    assert {field.name for field in fields(pack.part("sonic_core.settings").Settings)} <= inputs


def test_rare_inputs_are_folded_away(pack):
    info = schemas(pack)["SonicPreData"].get_v1_info(pack.nodes["SonicPreData"])
    assert info.input["required"]["length_policy"][1]["advanced"] is True
    assert "advanced" not in info.input["required"]["duration"][1]


def test_widgets_come_in_the_order_of_the_schema(pack):
    """The editor puts required ones first and saves values by place: a later one among them would shift the values of older graphs."""
    for node_id, schema in schemas(pack).items():
        info = schema.get_v1_info(pack.nodes[node_id]).input
        shown = [*info.get("required", {}), *info.get("optional", {})]
        widgets = [item.id for item in schema.inputs if hasattr(item, "default")]
        assert [name for name in shown if name in widgets] == widgets, node_id


def test_node_ids_are_literals_in_direct_subclasses():
    """The Manager finds nodes by reading the source, not by running it."""
    found = set()
    for file in (ROOT / "nodes").glob("*.py"):
        for cls in (node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.ClassDef)):
            if not any(ast.unparse(base) == "io.ComfyNode" for base in cls.bases):
                continue
            calls = [
                node for node in ast.walk(cls) if isinstance(node, ast.Call) and ast.unparse(node.func) == "io.Schema"
            ]
            found |= {keyword.value.value for call in calls for keyword in call.keywords if keyword.arg == "node_id"}
    assert found == {node_id for node_id, _ in NAMES.values()}


@pytest.mark.parametrize("file", sorted((ROOT / "nodes").glob("*.py")), ids=lambda file: file.name)
def test_only_the_host_file_imports_comfyui(file):
    imported = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(node.module.partition(".")[0])
    comfy = imported & {"comfy", "comfy_api", "comfy_execution", "folder_paths", "server", "nodes", "execution"}
    assert not comfy or file.name == "host.py"


def test_an_old_core_gets_no_keyword_it_does_not_know(pack, monkeypatch):
    from dataclasses import dataclass

    host = pack.part("nodes.host")

    @dataclass
    class OldSchema:
        node_id: str

    monkeypatch.setattr(host.io, "Schema", OldSchema)
    assert host.newer_keywords(search_aliases=["x"]) == {}


@pytest.mark.parametrize(("node_id", "known"), [("SonicGenerate", "WIDGETS"), ("SonicVideoCombine", "ENCODING LABELS")])
def test_every_input_is_an_argument_or_in_the_table_of_jobs(pack, node_id, known):
    table = importlib.import_module(f"{pack.module.__name__}.nodes.job_widgets")
    node = pack.nodes[node_id]
    made_by = pack.part("nodes.generate").one_clip if node.GET_SCHEMA().is_input_list else node.execute
    parameters = inspect.signature(made_by).parameters.values()
    arguments = {parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD}
    arguments -= {"hidden", "part"}
    listed = {name for part in known.split() for name in getattr(table, part)}
    assert {item.id for item in node.GET_SCHEMA().inputs} == arguments | listed
    assert not arguments & listed
