"""What nodes tell is in the editor's language and words."""

import json

import pytest


@pytest.fixture
def speak(pack, tmp_path, monkeypatch):
    """Set the language that the editor has saved."""
    import folder_paths

    def set_language(**settings):
        (tmp_path / "default").mkdir(exist_ok=True)
        (tmp_path / "default" / "comfy.settings.json").write_text(json.dumps(settings), "utf-8")

    monkeypatch.setattr(folder_paths, "get_user_directory", lambda: str(tmp_path))
    for variable in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANG", "C")
    return set_language


def test_the_language_is_the_editors_else_the_systems(pack, speak, monkeypatch):
    host = pack.part("nodes.host")
    assert host.language() == "en"
    speak(**{"Comfy.Locale": "zh"})
    assert host.language() == "zh"
    speak(**{"Comfy.Locale": "zh", host.LANGUAGE_SETTING: "en"})
    assert host.language() == "en"
    speak()
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert host.language() == "zh"


def test_an_error_is_one_sentence_in_that_language_without_the_path_of_its_class(
    pack, execute, speak, model, picture, sound
):
    speak(**{"Comfy.Locale": "zh"})
    errors = pack.part("sonic_core.errors")
    with pytest.raises(
        errors.DurationMismatchError, match=r"^“时长”为 5\.00 秒，但 .* 长 2\.00 秒。.*将“长度策略”选为"
    ) as caught:
        execute("SonicPreData", model=model, image=picture, audio=sound, duration=5.0)
    assert caught.type.__module__ == "builtins"
    assert caught.type.__qualname__ == "DurationMismatchError"


def test_options_of_the_command_line_bear_the_names_of_widgets(pack, speak):
    told = pack.part("nodes.told").told
    said = "3 faces were found, sorted by size; choose another one with face_index (--face-index)."
    assert told(said) == "3 faces were found, sorted by size; choose another one with face_index."
    assert told("Engines that need no mesh take --face-box or --mask instead.").endswith(
        "take face_box or mask instead."
    )
    speak(**{"Comfy.Locale": "zh"})
    assert told(said) == "找到 3 张人脸，按大小排序；可用“人脸序号”选择另一张。"


def test_inputs_are_named_as_the_editor_labels_them_on_the_node_that_speaks(pack):
    labelled = pack.part("nodes.labels").labelled
    said = "preset 为 slow；在 25 fps 下 /data/mask/image.png 的 face_index 请看 `--preset fast`，crf=3，fps"
    assert labelled(said, "en") == said
    combine = "“编码速度”为 slow；在 25 fps 下 /data/mask/image.png 的“人脸序号”请看 `--preset fast`，crf=3，“帧率”"
    assert labelled(said, "zh", "SonicVideoCombine") == combine
    assert labelled(said, "zh", "SonicModelLoader").startswith("“预设”为 slow")
    assert labelled(said, "zh").startswith("preset 为 slow")  # nodes call it by two names


def test_a_wrong_frame_rate_names_the_cure(pack, execute, speak, folders, picture, sound):
    with pytest.raises(
        pack.part("sonic_core.errors").DurationMismatchError, match=r"Connect fps .*\(25 fps would fit\).*length_policy"
    ):
        execute(
            "SonicVideoCombine", images=picture.expand(50, -1, -1, -1), audio=sound, fps=30.0, filename_prefix="clip"
        )


def test_the_report_speaks_that_language(execute, speak, model, picture, sound, folders):
    speak(**{"Comfy.Locale": "zh"})
    given = execute("SonicPreData", model=model, image=picture, audio=sound, min_resolution=256)
    assert given.args[2].startswith("找到 1 张人脸；第 0 张说话：")
    assert given.ui["text"] == [given.args[2]]


def test_progress_tells_stage_count_and_the_time_left(pack):
    from sonic_core.words.catalogue import translated

    line = pack.part("nodes.progress").progress_line
    assert line("encoding", 5, 100, 0.5, 0.05) == "encoding 5/100."
    assert line("encoding", 50, 100, 60.0, 0.25) == "encoding 50/100, 3 min left."
    assert translated(line("encoding", 50, 100, 60.0, 0.25), "zh") == "制作视频 50/100，还需 3 分钟。"


def test_numbers_are_checked_where_comfyui_locks_the_class_of_a_node(pack):
    node, told = pack.part("nodes.generate").Generate, pack.part("nodes.told")

    class Lock(type(node)):
        def __setattr__(cls, name, value):
            raise AttributeError(f"Cannot modify class attribute {name!r} on locked class {cls.__name__!r}")

    locked = Lock("GenerateClone", (node,), dict.fromkeys(("SCHEMA", "_RETURN_TYPES", "_DISPLAY_NAME")))
    told.check_numbers(locked, {"seed": [1, 2]})
    with pytest.raises(pack.part("sonic_core.errors").SettingsError, match="seed is 'seven'; expected a number"):
        told.check_numbers(locked, {"seed": [1, "seven"]})
