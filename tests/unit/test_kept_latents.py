"""What was sampled must outlive a failure, and keeping it must never be what fails."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sonic_samples import portrait, speech

from sonic_core.engines.latents_file import save_latents
from sonic_core.engines.sonic.engine import SonicEngine
from sonic_core.errors import SettingsError
from sonic_core.job import Job
from sonic_core.keeping import Kept, kept_in
from sonic_core.pipeline import Loaded, generate
from sonic_core.settings import Settings

SETTINGS = Settings(min_resolution=256, inference_steps=1, framing="face")
AUDIO = speech(0.12)
pytestmark = pytest.mark.usefixtures("small")


@pytest.fixture(scope="module")
def engine(models):
    return SonicEngine([models], device="cpu")


@pytest.fixture
def sampled(monkeypatch):
    """How often sampling ran."""
    runs, sample = [], SonicEngine.sample_in_steps
    monkeypatch.setattr(SonicEngine, "sample_in_steps", lambda *args: runs.append(1) or sample(*args))
    return runs


def make(engine, folder, kept):
    job = Job(None, None, folder / "a.mp4", SETTINGS, "sonic", overwrite=True)
    return generate(job, Loaded(engine, portrait(), AUDIO), kept=kept)


def named(engine, folder):
    return kept_in(folder, engine, portrait(), AUDIO, SETTINGS)


def test_latents_that_cannot_be_written_do_not_cost_the_video(engine, tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    made = make(engine, tmp_path, Kept(tmp_path / "file" / "a.latents.safetensors"))
    assert made.frames == 3
    assert made.path.exists()
    assert "is not kept" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a Unix thing")
def test_a_disk_too_full_for_the_latents_does_not_cost_the_video(engine, tmp_path, caplog, monkeypatch):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def on_a_full_disk(*args):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            save_latents(*args)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    monkeypatch.setattr("sonic_core.keeping.save_latents", on_a_full_disk)
    assert make(engine, tmp_path, named(engine, tmp_path)).frames == 3
    assert "is not kept" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_damaged_file_of_the_same_run_is_sampled_anew(engine, sampled, tmp_path, caplog):
    kept = named(engine, tmp_path)
    kept.path.write_bytes(b"half a file")
    assert make(engine, tmp_path, kept).frames == 3
    assert len(sampled) == 1
    assert "sampling begins anew" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_damaged_file_that_was_asked_for_is_an_error(engine, tmp_path):
    (tmp_path / "a.latents.safetensors").write_bytes(b"half a file")
    with pytest.raises(SettingsError, match="holds no latents"):
        make(engine, tmp_path, Kept(tmp_path / "a.latents.safetensors", resume=True))


def test_a_file_that_cannot_be_removed_does_not_cost_the_finished_video(engine, tmp_path, caplog, monkeypatch):
    kept, unlink = named(engine, tmp_path), Path.unlink

    def in_use(self, missing_ok=False):
        if self == kept.path:
            raise PermissionError(13, "in use by another program")
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", in_use)
    assert make(engine, tmp_path, kept).path.exists()
    assert "can be deleted" in caplog.text


def test_a_failure_before_the_first_frame_tells_where_the_latents_are(engine, sampled, tmp_path, caplog, monkeypatch):
    def no_memory(*args):
        raise MemoryError

    kept = named(engine, tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(SonicEngine, "decode", no_memory)
        with pytest.raises(MemoryError):
            make(engine, tmp_path, kept)
    assert kept.path.name in caplog.text
    assert make(engine, tmp_path, kept).frames == 3
    assert len(sampled) == 1
    assert not kept.path.exists()


def test_steps_outlive_an_interruption_while_the_latents_are_saved(engine, tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    kept = named(engine, tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr("sonic_core.keeping.save_latents", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make(engine, tmp_path, kept)
    assert kept.steps.exists()
    make(engine, tmp_path, kept)
    assert not kept.steps.exists()


def test_another_seed_and_another_release_begin_anew(engine, tmp_path, monkeypatch):
    kept = named(engine, tmp_path)
    other = kept_in(tmp_path, engine, portrait(), AUDIO, replace(SETTINGS, seed=1))
    monkeypatch.setattr("sonic_core.keeping.__version__", "0.0")
    names = {kept.path.name, other.path.name, named(engine, tmp_path).path.name}
    assert len(names) == 3
