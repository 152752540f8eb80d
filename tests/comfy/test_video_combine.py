"""Video Combine and what stands in its files: sound, tags, labels, names."""

from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from node_results import FRAMES, RATE, errors, first_frame, video


def test_video_combine_writes_picture_and_sound_of_one_length(execute, folders, decoded):
    images, fps, audio = decoded
    node = execute("SonicVideoCombine", images=images, audio=audio, fps=fps, filename_prefix="sonic/clip")
    made = video(node.args[1])
    assert made.frames == FRAMES
    assert made.size == (256, 256)
    assert made.rate == RATE
    assert abs(made.seconds - made.heard) <= 0.5 / fps
    assert node.ui["images"] == [{"filename": "clip_00001_.mp4", "subfolder": "sonic", "type": "output"}]
    assert node.ui["animated"] == (True,)
    assert Path(node.args[1]) == folders / "output" / "sonic" / "clip_00001_.mp4"


def test_video_combine_counts_up_and_overwrites_nothing(execute, decoded):
    images, fps, audio = decoded
    paths = [
        execute("SonicVideoCombine", images=images, audio=audio, fps=fps, filename_prefix="clip").args[1] for _ in "ab"
    ]
    assert [Path(path).name for path in paths] == ["clip_00001_.mp4", "clip_00002_.mp4"]


def test_video_combine_keeps_the_graph_in_the_file(execute, pack, decoded, monkeypatch):
    graph = SimpleNamespace(prompt={"1": {"class_type": "X"}}, extra_pnginfo={"workflow": {"nodes": ["标"]}})
    monkeypatch.setattr(pack.nodes["SonicVideoCombine"], "hidden", graph)
    images, fps, _ = decoded
    tags = video(execute("SonicVideoCombine", images=images, fps=fps, filename_prefix="clip").args[1]).tags
    assert tags["prompt"] == '{"1": {"class_type": "X"}}'
    assert "nodes" in tags["workflow"]


def test_every_video_says_that_it_was_generated(execute, decoded, model, picture, sound):
    images, fps, _ = decoded
    combined = execute("SonicVideoCombine", images=images, fps=fps, filename_prefix="clip").args[1]
    generated = execute("SonicGenerate", model=model, image=picture, audio=sound, min_resolution=256).args[1]
    for path in (combined, generated):
        tags = video(path).tags
        assert tags["ai_generated"] == "true"
        assert '"Label": "1"' in tags["AIGC"]


def test_video_combine_keeps_no_graph_under_disable_metadata(execute, pack, decoded, monkeypatch):
    graph = SimpleNamespace(prompt={"1": {}}, extra_pnginfo={"workflow": {}})
    monkeypatch.setattr(pack.nodes["SonicVideoCombine"], "hidden", graph)
    monkeypatch.setattr(pack.part("nodes.host").args, "disable_metadata", True)
    images, fps, _ = decoded
    tags = video(execute("SonicVideoCombine", images=images, fps=fps, filename_prefix="clip").args[1]).tags
    assert not {"prompt", "workflow"} & set(tags)


def test_video_combine_keeps_no_graph_when_asked(execute, pack, decoded, monkeypatch):
    monkeypatch.setattr(pack.nodes["SonicVideoCombine"], "hidden", SimpleNamespace(prompt={"1": {}}, extra_pnginfo={}))
    images, fps, _ = decoded
    tags = video(
        execute("SonicVideoCombine", images=images, fps=fps, filename_prefix="clip", keep_workflow=False).args[1]
    ).tags
    assert "prompt" not in tags
    assert tags["ai_generated"] == "true"


@pytest.mark.parametrize(
    ("span", "first", "last"), [("off", False, False), ("start", True, False), ("always", True, True)]
)
def test_the_visible_label_stands_in_the_corner_as_long_as_asked(execute, span, first, last):
    grey = torch.full((60, 256, 256, 3), 0.5)
    path = execute("SonicVideoCombine", images=grey, fps=25.0, filename_prefix="clip", visible_label=span).args[1]
    with av.open(path) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert [bool(np.ptp(frame[-40:, -128:]) > 100) for frame in (frames[0], frames[-1])] == [first, last]
    assert np.ptp(frames[0][:128]) < 10


def test_generate_draws_the_visible_label_too(execute, model, picture, sound):
    options = {"model": model, "image": picture, "audio": sound, "seed": 7, "min_resolution": 256}
    plain, labelled = (
        first_frame(execute("SonicGenerate", **options, visible_label=span, label_language="zh").args[1])
        for span in ("off", "start")
    )
    changed = np.abs(plain.astype(int) - labelled) > 40
    assert changed[-40:, -128:].any()
    assert not changed[:128].any()


@pytest.mark.parametrize(("policy", "frames"), [("trim", 25), ("pad", 50)])
def test_video_combine_matches_lengths_when_asked(execute, decoded, policy, frames):
    images, fps, audio = decoded
    short = {"waveform": audio["waveform"][..., :RATE], "sample_rate": RATE}
    node = execute(
        "SonicVideoCombine", images=images, audio=short, fps=fps, filename_prefix="clip", length_policy=policy
    )
    made = video(node.args[1])
    assert made.frames == frames
    assert abs(made.seconds - made.heard) <= 0.5 / fps


def test_video_combine_holds_the_last_frame_under_longer_sound_when_padding(execute, decoded):
    images, fps, audio = decoded
    node = execute(
        "SonicVideoCombine", images=images[:40], audio=audio, fps=fps, filename_prefix="clip", length_policy="pad"
    )
    assert video(node.args[1]).frames == FRAMES


def test_video_combine_refuses_different_lengths_by_default(execute, pack, decoded):
    images, fps, audio = decoded
    with pytest.raises(errors(pack).DurationMismatchError):
        execute("SonicVideoCombine", images=images[:30], audio=audio, fps=fps, filename_prefix="clip")


@pytest.mark.parametrize("prefix", ["../up", "/tmp/up", "", "a/../../up"])
def test_nothing_is_written_outside_the_output_folder(execute, pack, folders, decoded, prefix):
    samples = set(folders.rglob("*.mp4"))
    with pytest.raises(errors(pack).OutputError, match="output folder"):
        execute("SonicVideoCombine", images=decoded[0], fps=25.0, filename_prefix=prefix)
    assert set(folders.rglob("*.mp4")) == samples


def test_size_tokens_in_a_name_are_the_files_own_size(execute, model, picture, sound):
    tall = picture[:, :, 40:-40]
    options = {"model": model, "image": tall, "audio": sound, "min_resolution": 256}
    path = execute("SonicGenerate", **options, filename_prefix="sonic/a_%width%x%height%").args[1]
    height, width = first_frame(path).shape
    assert f"a_{width}x{height}_" in path
    assert height > width == 256
