"""What travels between Sonic nodes is ours alone: another pack's objects are refused, graphs saved under older names still run."""

import json

import pytest
from graph import prompt_of
from pack_loading import ROOT

OTHERS = "SONIC_PREDATA"  # the type of smthemex/ComfyUI_Sonic, and ours before it had a name of its own


def test_no_type_of_ours_is_another_sonic_packs(pack):
    kinds = {
        item.io_type
        for cls in pack.nodes.values()
        for item in (*cls.GET_SCHEMA().inputs, *cls.GET_SCHEMA().outputs)
        if "SONIC" in str(item.io_type)
    }
    assert kinds == {"SONIC_MODEL", "SONIC_PORTRAIT_PREDATA"}


@pytest.mark.parametrize("node", ["SonicInference", "SonicLatentDecode"])
def test_predata_of_another_pack_is_refused_in_words(execute, pack, model, node):
    inputs = {"latent": {}} if node == "SonicLatentDecode" else {"seed": 0}
    with pytest.raises(
        pack.part("sonic_core.errors").SettingsError, match=r"a dict of another .* SONIC_PreData \(portrait\)"
    ):
        execute(node, model=model, predata={"audio": None}, **inputs)


@pytest.mark.parametrize("node", ["SonicPreData", "SonicGenerate"])
def test_a_model_of_another_pack_is_refused_in_words(execute, pack, picture, sound, node):
    with pytest.raises(pack.part("sonic_core.errors").SettingsError, match=r"a tuple of another .* Sonic Model Loader"):
        execute(node, model=("net", "vae"), image=picture, audio=sound)


def test_video_combine_refuses_the_predata_of_another_pack_and_leaves_no_file(execute, pack, folders, picture):
    with pytest.raises(pack.part("sonic_core.errors").SettingsError, match="of another node pack"):
        execute("SonicVideoCombine", images=picture, fps=25.0, filename_prefix="clip", predata={"audio": None})
    assert not list((folders / "output").rglob("*.*"))


def test_a_graph_saved_under_the_old_name_is_the_same_prompt(pack):
    definitions = {node_id: {"input": cls.INPUT_TYPES()} for node_id, cls in pack.nodes.items()}
    definitions["LoadImage"] = {"input": {"required": {"image": ["COMBO"]}}}
    text = (ROOT / "example_workflows" / "fast.json").read_text("utf-8")
    old = text.replace("SONIC_PORTRAIT_PREDATA", OTHERS)
    assert old != text
    assert prompt_of(json.loads(old), definitions) == prompt_of(json.loads(text), definitions)
