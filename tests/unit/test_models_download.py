"""Downloads, from a server on this machine that answers as the hub does."""

import hashlib
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from hub_server import COMMIT, Hub, serving

from sonic_core import cli
from sonic_core.errors import ModelMissingError, OutputError
from sonic_core.models import download
from sonic_core.models.download import fetch, missing_downloads
from sonic_core.models.manifest import SONIC_FILES

ROOT = Path(__file__).parents[2]
FILES = {
    f"{file.source.repository}/{path}": f"content of {path}".encode() * 100
    for file in SONIC_FILES
    for path in file.source.paths
}
LARGE = os.urandom(24_000_000)


@pytest.fixture(autouse=True)
def on_this_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("SONIC_PORTRAIT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@contextmanager
def hub(monkeypatch, files=FILES, **options):
    with serving(Hub(dict(files), **options)) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


def only(key, into):
    return [item for item in missing_downloads(SONIC_FILES, [into], into) if item.file.key == key]


def run(*arguments, endpoint):
    return subprocess.run(
        [sys.executable, "-m", "sonic_core", "download", "sonic", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "HF_ENDPOINT": endpoint},
    )


def test_every_file_arrives_in_its_place_from_the_server_that_hf_endpoint_names(tmp_path):
    models = tmp_path / "elsewhere"
    with serving(Hub(dict(FILES))) as served:
        answer = run("--models-folder", models, "--accept-licence", "--json", endpoint=served.url)
        assert answer.returncode == 0, answer.stderr
        again = run("--models-folder", models, "--json", endpoint=served.url)
    assert json.loads(again.stdout)["fetched"] == {}
    for file in SONIC_FILES:
        for path, place in file.targets.items():
            assert (models / place).read_bytes() == FILES[f"{file.source.repository}/{path}"]
    assert "CC BY-NC-SA 4.0, non-commercial" in answer.stderr
    assert "Stability AI Community License" in answer.stderr
    record = json.loads((models / download.RECORD).read_text())
    assert record == json.loads(answer.stdout)["fetched"]
    unet = record["sonic/unet.pth"]
    assert unet["commit"] == COMMIT
    assert unet["sha256"] == hashlib.sha256(FILES["LeonJoe13/Sonic/Sonic/unet.pth"]).hexdigest()


def test_pinned_commits_are_asked_for(monkeypatch, tmp_path):
    with hub(monkeypatch) as served:
        for item in only("svd", tmp_path):
            fetch(item)
    assert served.requests[0][1].startswith(
        "/stabilityai/stable-video-diffusion-img2vid-xt/resolve/9e43909513c6714f1bc78bcb44d96e733cd242aa/"
    )


def test_without_an_accepted_licence_nothing_is_fetched():
    with serving(Hub(dict(FILES))) as served:
        answer = run(endpoint=served.url)
        assert answer.returncode == 2
        assert "--accept-licence" in answer.stderr
        assert "CC BY-NC-SA" in answer.stdout
        assert served.requests == []


@pytest.mark.parametrize(("typed", "code"), [("yes", 0), ("n", 2), ("", 2)])
def test_a_person_is_asked(monkeypatch, capsys, typed, code):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: typed)
    with hub(monkeypatch) as served:
        assert cli.main(["download", "sonic"]) == code
    assert bool(served.requests) == (code == 0)


def test_an_interrupted_download_goes_on_where_it_stopped(monkeypatch, tmp_path):
    files = {**FILES, "LeonJoe13/Sonic/Sonic/unet.pth": LARGE}

    def interrupt(stage, done, total, preview=None):
        assert (stage, total) == ("downloading", 24)
        raise KeyboardInterrupt

    with hub(monkeypatch, files) as served:
        (item,) = only("unet", tmp_path)
        with pytest.raises(KeyboardInterrupt):
            fetch(item, interrupt)
        assert not item.target.exists()
        kept = next(item.target.parent.glob(".unet.pth.*.part")).stat().st_size
        assert 0 < kept < len(LARGE)
        reports = []
        fetch(item, lambda *report: reports.append(report))
    assert served.requests[-1][2] == f"bytes={kept}-"
    assert item.target.read_bytes() == LARGE
    assert reports[-1][1:3] == (24, 24)
    assert [path.name for path in item.target.parent.iterdir()] == ["unet.pth"]


def test_a_damaged_file_is_not_kept(monkeypatch, tmp_path):
    with hub(monkeypatch, damaged=("LeonJoe13/Sonic/Sonic/unet.pth",)):
        (item,) = only("unet", tmp_path)
        with pytest.raises(ModelMissingError, match="arrived damaged"):
            fetch(item)
    assert list(item.target.parent.iterdir()) == []


def test_a_repository_with_terms_says_where_to_accept_them(monkeypatch, tmp_path):
    with hub(monkeypatch, gated=("stabilityai/stable-video-diffusion-img2vid-xt",)):
        (item,) = only("svd", tmp_path)
        with pytest.raises(ModelMissingError, match="accept them there, then log in"):
            fetch(item)


def test_a_token_opens_it_and_goes_to_the_hub_only(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody")
    with hub(monkeypatch, gated=("stabilityai/stable-video-diffusion-img2vid-xt",)) as served:
        (item,) = only("svd", tmp_path)
        fetch(item)
    assert item.target.exists()
    assert served.tokens_at_storage == 0


def test_a_file_that_the_server_lacks_and_a_server_that_is_away_are_errors(monkeypatch, tmp_path):
    with hub(monkeypatch, {}):
        (item,) = only("unet", tmp_path)
        with pytest.raises(ModelMissingError, match="cannot be fetched from LeonJoe13/Sonic"):
            fetch(item)
    with pytest.raises(ModelMissingError, match="HF_ENDPOINT"):
        fetch(item)


def test_a_full_disk_is_told_before_anything_is_fetched(monkeypatch, tmp_path):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: download.shutil._ntuple_diskusage(10, 10, 0))
    with hub(monkeypatch) as served:
        (item,) = only("unet", tmp_path)
        with pytest.raises(OutputError, match=r"needs .* GB"):
            fetch(item)
    assert all(method == "HEAD" for method, *_ in served.requests)


def test_what_is_there_under_another_name_is_not_fetched_and_half_a_folder_is_completed(tmp_path):
    (tmp_path / "sonic" / "whisper-tiny").mkdir(parents=True)
    (tmp_path / "sonic" / "whisper-tiny" / "config.json").write_text("{}")
    (tmp_path / "sonic" / "unet.safetensors").write_bytes(b"")
    (tmp_path / "svd_xt_1_1.safetensors").write_bytes(b"")
    places = [
        item.target.relative_to(tmp_path).as_posix() for item in missing_downloads(SONIC_FILES, [tmp_path], tmp_path)
    ]
    assert places == [
        "sonic/audio2token.pth",
        "sonic/audio2bucket.pth",
        "sonic/whisper-tiny/model.safetensors",
        "sonic/RIFE/flownet.pkl",
    ]
