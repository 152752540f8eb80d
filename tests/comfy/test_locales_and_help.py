"""Every word of the schemas exists in both languages, and every node has a help page in both."""

import json
import re

import pytest
from pack_loading import ROOT
from update_locales import english

WEB = ROOT / "web" / "docs"


def words(language):
    return json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text("utf-8"))


def test_english_words_are_those_of_the_schemas(pack):
    expected = {node_id: english(cls.GET_SCHEMA()) for node_id, cls in pack.nodes.items()}
    assert words("en") == expected, "run python tests/comfy/update_locales.py"


def test_chinese_words_cover_every_input_and_output(pack):
    chinese = words("zh")
    assert set(chinese) == set(pack.nodes)
    for node_id, cls in pack.nodes.items():
        source, target = english(cls.GET_SCHEMA()), chinese[node_id]
        assert set(target["inputs"]) == set(source["inputs"]), node_id
        assert set(target["outputs"]) == set(source["outputs"]), node_id
        entries = [target, *target["inputs"].values(), *target["outputs"].values()]
        for entry in entries:
            text = entry.get("tooltip") or entry["description"]
            assert re.search("[\u4e00-\u9fff]", text), f"{node_id}: {entry}"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_words_hold_no_signs_that_the_translator_of_the_editor_reads_as_code(language):
    for entry in re.findall(
        r'"(?:name|tooltip|description|display_name)": "(.*)"', json.dumps(words(language), indent=1)
    ):
        assert not re.search(r"[@{}|$]", entry), entry


def test_every_node_has_help_in_both_languages_with_a_sentence_on_every_input_and_a_picture(pack):
    chinese = words("zh")
    for node_id, cls in pack.nodes.items():
        names = [item.id for item in cls.GET_SCHEMA().inputs]
        pages = {"en": WEB / f"{node_id}.md", "zh": WEB / node_id / "zh.md"}
        for page in pages.values():
            text = page.read_text("utf-8")
            for name in names:
                assert f"`{name}`" in text, f"{page}: {name}"
            pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
            assert pictures, page
            for picture in pictures:  # ComfyUI resolves them from web/docs/ in every language
                assert (WEB / picture).is_file(), f"{page}: {picture}"
        assert chinese[node_id]["display_name"] in pages["zh"].read_text("utf-8")
