"""Whatever a user is told can be told in every language."""

import json
import re

import pytest
from shown_sentences import ROOT, sentences

from sonic_core.words.catalogue import known, system_language, translated

TABLE = json.loads((ROOT / "sonic_core" / "words" / "zh.json").read_text("utf-8"))


def test_every_sentence_has_a_translation():
    missing = sorted({f"{place}: {text}" for place, text in sentences() if text not in TABLE})
    assert missing == [], "add them to sonic_core/words/zh.json"


@pytest.mark.parametrize("english", TABLE)
def test_a_translation_is_chinese_and_uses_every_value_once_or_more(english):
    chinese = TABLE[english]
    assert {int(place) for place in re.findall(r"\{(\d+)\}", chinese)} == set(range(english.count("{}")))
    assert re.search("[\u3000-\u9fff\uff00-\uffef]", chinese)


@pytest.mark.parametrize("english", [text for text in TABLE if text.count("{}") <= 3])
def test_each_sentence_is_found_by_its_own_pattern(english):
    values = ["7001", "x7002", "7003y"][: english.count("{}")]
    said = english
    for value in values:
        said = said.replace("{}", value, 1)
    chinese = translated(said, "zh")
    assert chinese != said
    assert all(value in chinese for value in values)


def test_messages_keep_their_values_and_are_translated_within():
    said = (
        "duration is 60.00 s but audio is 5.28 s long. "
        "Set duration to 0 to use the audio's own length, or choose length_policy 'trim' or 'pad'."
    )
    assert translated(said, "zh").startswith("duration 为 60.00 秒，但 audio 长 5.28 秒。")
    assert translated("Note: hello.wav is completely silent; the mouth will stay shut.", "zh") == (
        "说明：hello.wav 完全无声；嘴将一直闭着。"
    )
    assert translated(said, "en") == said


def test_lines_are_translated_one_by_one_and_unknown_ones_stay():
    assert translated("Sound: 2.00 s at 16000 Hz.\nsomething of another program", "zh") == (
        "声音：2.00 秒，16000 Hz。\nsomething of another program"
    )


def test_what_a_user_typed_is_not_taken_for_a_pattern():
    assert translated("fps is {0}; expected 1 to 120 frames per second.", "zh") == "fps 为 {0}；应为每秒 1 至 120 帧。"


@pytest.mark.parametrize("piece", ["is ; expected : (.) ", "Note: ", ": ", ", "])
def test_long_texts_of_any_kind_are_read_in_one_pass(piece):
    text = piece * (20_000 // len(piece))  # a pattern that tries every place for every value would not come to an end
    assert translated(text, "zh").count(piece.strip()[-1]) >= 1_000


@pytest.mark.parametrize(
    ("name", "language"),
    [("zh_CN.UTF-8", "zh"), ("zh-TW", "zh"), ("Chinese (Simplified)_China", "zh"), ("C", "en"), ("de_DE", "en")],
)
def test_names_of_languages(name, language):
    assert known(name) == language


def test_the_language_is_that_of_the_environment(monkeypatch):
    for variable in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert system_language() == "zh"
    monkeypatch.setenv("LC_ALL", "C")
    assert system_language() == "en"


@pytest.mark.parametrize(
    ("said", "chinese"),
    [
        (
            "Cannot read a.wav: it does not exist. Check the path and the name.",
            "无法读取 a.wav：它不存在。请检查路径和名称。",
        ),
        (
            "Cannot open a.wav: it is a PDF document. Expected a video file.",
            "无法打开 a.wav：它是 PDF 文档。应为视频文件。",
        ),
        (
            "Cannot read a.wav: Invalid data found when processing input. It may be damaged or of another kind. Expected a video file.",
            "无法读取 a.wav：内容无效。它可能已损坏，或属于其他类型。应为视频文件。",
        ),
        (
            "Cannot write a.mp4: the disk is full. Free some space or choose another folder.",
            "无法写入 a.mp4：磁盘已满。请腾出空间或选择其他文件夹。",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told_to_the_last_word(said, chinese):
    assert translated(said, "zh") == chinese
