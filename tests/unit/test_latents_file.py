import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from sonic_samples import portrait, speech

from sonic_core.engines import latents_file
from sonic_core.engines.base import Conditioning, Latents
from sonic_core.engines.latents_file import load_latents, save_latents
from sonic_core.errors import OutputError, SettingsError
from sonic_core.media.pending_file import PendingFile
from sonic_core.settings import Settings

LATENTS = Latents(torch.arange(120.0).view(5, 4, 2, 3), 12.5, "sonic")


def conditioning(frames=10, engine="sonic"):
    return Conditioning(engine, portrait(), speech(0.4), None, frames, 25.0, Settings())


def test_latents_come_back_as_they_were(tmp_path):
    path = tmp_path / "made" / "clip.latents.safetensors"
    save_latents(LATENTS, path)
    loaded = load_latents(path, conditioning())
    assert np.array_equal(loaded.samples, LATENTS.samples)
    assert (loaded.fps, loaded.engine) == (12.5, "sonic")
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("frames", [9, 10, 11])
def test_a_last_half_key_frame_is_no_difference(tmp_path, frames):
    save_latents(LATENTS, tmp_path / "l.safetensors")
    load_latents(tmp_path / "l.safetensors", conditioning(frames))


def test_latents_of_another_clip_or_engine_are_refused(tmp_path):
    path = tmp_path / "l.safetensors"
    save_latents(LATENTS, path)
    with pytest.raises(SettingsError, match=r"0\.40 s of the engine sonic; this clip is 2\.00 s"):
        load_latents(path, conditioning(50))
    save_latents(replace(LATENTS, engine="lite"), path)
    with pytest.raises(SettingsError, match="engine lite"):
        load_latents(path, conditioning())


ORIGIN = {
    "picture": "a" * 64,
    "preset": "exact",
    "weights": {"unet": "1" * 16, "svd": "2" * 16},
    "settings": {"seed": 0, "framing": "full"},
    "mask": None,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"picture": "b" * 64}, "another picture[.]"),
        ({"preset": "fast"}, "preset was exact, is fast[.]"),
        ({"weights": {"unet": "3" * 16, "svd": "2" * 16}}, "another unet in weights[.]"),
        (
            {"settings": {"seed": 7, "framing": "face"}},
            "seed in settings was 0, is 7; framing in settings was full, is face[.]",
        ),
        ({"mask": "c" * 64}, "another mask[.]"),
    ],
)
def test_what_differs_from_what_latents_were_made_from_is_named(tmp_path, change, words):
    path = tmp_path / "l.safetensors"
    save_latents(LATENTS, path, ORIGIN)
    load_latents(path, conditioning(), ORIGIN)
    with pytest.raises(SettingsError, match=words):
        load_latents(path, conditioning(), {**ORIGIN, **change})


def test_latents_of_a_release_that_told_less_are_refused_when_asked_for_their_origin(tmp_path):
    path = tmp_path / "l.safetensors"
    save_latents(LATENTS, path)
    with pytest.raises(SettingsError, match="another picture"):
        load_latents(path, conditioning(), ORIGIN)


def test_no_file_and_no_latents_are_errors(tmp_path):
    (tmp_path / "text.safetensors").write_text("hello")
    for name in ("absent.safetensors", "text.safetensors"):
        with pytest.raises(SettingsError, match="holds no latents"):
            load_latents(tmp_path / name, conditioning())


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        save_latents(LATENTS, tmp_path / "file" / "l.safetensors")


def test_a_killed_run_leaves_only_what_a_later_one_removes(tmp_path, monkeypatch):
    monkeypatch.setattr(PendingFile, "discard", lambda self: self._holds.close())
    monkeypatch.setattr(latents_file, "save_file", lambda *_: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        save_latents(LATENTS, tmp_path / "l.safetensors")
    monkeypatch.undo()
    (left,) = tmp_path.iterdir()
    os.utime(left, (0, 0))
    save_latents(LATENTS, tmp_path / "l.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["l.safetensors"]
