"""The examples run as they are written, on half a second of speech and a small picture."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from desk import laid
from markdown_pages import links

from sonic_core import load_audio
from sonic_core.audio.clip import AudioClip
from sonic_core.engines import registry
from sonic_core.media.probe import probe
from sonic_core.progress import ignore
from sonic_core.samples import SPEECH
from sonic_core.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"
SHORT = [
    "one_clip",
    "batch",
    "progress_and_cancel",
    "nod_at_commas",
    "custom_engine",
    "live_from_file",
    "speak_live",
    "read_provenance",
    "comfyui_client",
]


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = laid(tmp_path_factory.mktemp("desk"))
    return str(folder / "me.jpg"), str(folder / "hello.m4a")


@pytest.fixture(scope="module")
def clip(files, tmp_path_factory):
    """What the first example makes."""
    path = tmp_path_factory.mktemp("made") / "hello.mp4"
    example("one_clip").main(*files, str(path))
    return path


def test_each_is_in_the_list():
    listed = {path for path, _ in links(EXAMPLES / "README.md")}
    assert listed == {path.name for path in EXAMPLES.iterdir() if path.is_file()} - {"README.md"}


@pytest.mark.parametrize("name", SHORT)
def test_they_are_short(name):
    assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 40


def test_one_clip(clip):
    made = probe(clip)
    assert (made.width, made.height) == (256, 256)
    assert abs(made.duration - made.audio_duration) <= 0.5 / 25 + 1e-6


def test_its_provenance_is_read_and_holds(clip, capsys):
    assert example("read_provenance").main(str(clip))
    said = capsys.readouterr().out
    assert "engine: lite" in said
    assert "WRONG" not in said


def test_a_file_that_says_nothing_is_not_called_real(files, capsys):
    assert not example("read_provenance").main(files[1])
    assert "does not show that it is real" in capsys.readouterr().out


def test_a_batch_makes_every_pair_and_goes_on(files, tmp_path, capsys):
    for name, file in (("photos", files[0]), ("recordings", files[1])):
        (tmp_path / name).mkdir()
        (tmp_path / name / Path(file).name).write_bytes(Path(file).read_bytes())
    folders = [str(tmp_path / name) for name in ("photos", "recordings", "out")]
    assert example("batch").main(*folders) == 0
    assert example("batch").main(*folders) == 0
    assert capsys.readouterr().out.count("1 of 1 clips, 0 failed") == 2
    (made,) = (tmp_path / "out").glob("*.mp4")
    assert min(probe(made).width, probe(made).height) == 256


def test_progress_is_told_and_a_clip_is_made(files, tmp_path, capsys):
    assert example("progress_and_cancel").main(*files, str(tmp_path / "whole.mp4"))
    assert "sampling: 25 of 25" in capsys.readouterr().out
    assert (tmp_path / "whole.mp4").exists()


def test_cancelling_leaves_nothing(files, tmp_path):
    assert not example("progress_and_cancel").main(*files, str(tmp_path / "half.mp4"), "0")
    assert list(tmp_path.iterdir()) == []


def test_a_nod_at_the_comma_and_nowhere_else():
    motion, speech = example("nod_at_commas").NoddingMotion(), load_audio(SPEECH)
    word = speech.samples[:, : speech.rate // 2]
    sound = AudioClip(np.concatenate([word, np.zeros_like(word), word], 1), speech.rate)
    heard, commas = motion.listen(sound, 37, ignore)
    assert len(commas) == 1
    settings = Settings(inference_steps=1)
    nods = motion.move((heard, commas), settings, ignore) - motion.speech.move(heard, settings, ignore)
    moved = np.unique(np.nonzero(np.abs(nods) > 1e-5)[0])
    assert nods.min() < -5  # degrees
    assert 11 <= moved.min() <= moved.max() < commas[0] + 15


def test_nodding_makes_a_clip(files, tmp_path):
    example("nod_at_commas").main(*files, str(tmp_path / "nods.mp4"))
    assert probe(tmp_path / "nods.mp4").metadata["engine"] == "lite"


def test_an_engine_from_outside(files, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "ENGINES", dict(registry.ENGINES))
    example("custom_engine").main(*files, str(tmp_path / "lamp.mp4"))
    assert probe(tmp_path / "lamp.mp4").metadata["engine"] == "toy"


def test_live_from_a_file(files, tmp_path, capsys):
    example("live_from_file").main(*files, str(tmp_path / "live.mp4"), 256)
    assert str(tmp_path / "live.mp4") in capsys.readouterr().out
    assert probe(tmp_path / "live.mp4").duration >= 0.5


def test_a_client_of_comfyui(files, clip, tmp_path):
    pytest.importorskip("httpx", reason="httpx is not installed (extra queue)")
    from fake_comfyui import FakeComfyUI

    server = FakeComfyUI(tmp_path, clip)
    try:
        example("comfyui_client").main(server.url, *files, str(tmp_path / "fetched.mp4"))
    finally:
        server.stop()
    assert (tmp_path / "fetched.mp4").read_bytes() == clip.read_bytes()
    assert server.uploads == ["me.jpg", "hello.m4a"]
