"""Downloads, from a server on this machine that answers as the hub does."""

import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from hub_server import COMMIT, Hub, serving
from safetensors.torch import save_file

from sonic_core import cli
from sonic_core.engines.sonic import declaration
from sonic_core.engines.sonic.files import SONIC_FILES
from sonic_core.errors import ModelMissingError, OutputError
from sonic_core.models import download
from sonic_core.models.download import fetch
from sonic_core.models.download_record import RECORD
from sonic_core.models.missing import missing_downloads

FILES = {
    f"{file.source.repository}/{remote.path}": f"content of {remote.path}".encode() * 100
    for file in SONIC_FILES
    for remote in file.source.files
}
LARGE = os.urandom(24_000_000)


def known(files):
    """The manifest of a world in which the repositories hold `files`."""

    def remote(file, item):
        content = files[f"{file.source.repository}/{item.path}"]
        return replace(item, size=len(content), sha256=hashlib.sha256(content).hexdigest())

    return tuple(
        replace(file, source=replace(file.source, files=tuple(remote(file, item) for item in file.source.files)))
        for file in SONIC_FILES
    )


FULL_SIZE, SMALL_FILES = SONIC_FILES, known(FILES)


@pytest.fixture(autouse=True)
def on_this_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("SONIC_PORTRAIT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(declaration, "SONIC", replace(declaration.SONIC, weights=SMALL_FILES))
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    monkeypatch.chdir(tmp_path)


@contextmanager
def hub(monkeypatch, files=FILES, **options):
    with serving(Hub(dict(files), **options)) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


def only(key, into, files=SMALL_FILES):
    return [item for item in missing_downloads(files, [into], into.joinpath) if item.file.key == key]


def test_every_file_arrives_in_its_place_from_the_server_that_hf_endpoint_names(monkeypatch, tmp_path, capsys):
    models = tmp_path / "elsewhere"
    with hub(monkeypatch):
        assert cli.main(["download", "sonic", "--models-folder", str(models), "--accept-licence", "--json"]) == 0
        answer = capsys.readouterr()
        assert cli.main(["download", "sonic", "--models-folder", str(models), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fetched"] == {}
    for file in SMALL_FILES:
        for remote, place in file.targets.items():
            assert (models / place).read_bytes() == FILES[f"{file.source.repository}/{remote.path}"]
    assert "CC BY-NC-SA 4.0, non-commercial" in answer.err
    assert "Stability AI Community License" in answer.err
    record = json.loads((models / RECORD).read_text())
    assert record == json.loads(answer.out)["fetched"]
    unet = record["sonic/unet.pth"]
    assert unet["commit"] == COMMIT
    assert unet["sha256"] == hashlib.sha256(FILES["LeonJoe13/Sonic/Sonic/unet.pth"]).hexdigest()


def test_what_is_fetched_is_8_gb_and_not_the_whole_of_svd():
    published = {remote.path for file in FULL_SIZE for remote in file.source.files}
    assert "svd_xt.safetensors" not in published
    assert 8.2e9 < sum(file.source.size for file in FULL_SIZE) < 8.3e9


def test_every_published_file_is_pinned_by_size_and_sha256():
    for file in FULL_SIZE:
        for remote in file.source.files:
            assert remote.size > 0
            assert download.SHA256.fullmatch(remote.sha256)


def test_another_file_under_the_same_name_is_refused_before_it_is_fetched(monkeypatch, tmp_path):
    for content in (b"shorter", bytes(len(FILES["LeonJoe13/Sonic/Sonic/unet.pth"]))):
        with hub(monkeypatch, {**FILES, "LeonJoe13/Sonic/Sonic/unet.pth": content}) as served:
            (item,) = only("unet", tmp_path)
            with pytest.raises(ModelMissingError, match="replaced at the source"):
                fetch(item)
        assert all(method == "HEAD" for method, *_ in served.requests)
        assert not item.target.parent.exists()


def test_pinned_commits_are_asked_for(monkeypatch, tmp_path):
    with hub(monkeypatch) as served:
        for item in only("svd", tmp_path):
            fetch(item)
    assert served.requests[0][1].startswith(
        "/stabilityai/stable-video-diffusion-img2vid-xt/resolve/9e43909513c6714f1bc78bcb44d96e733cd242aa/"
    )


def test_without_an_accepted_licence_nothing_is_fetched(monkeypatch, capsys):
    with hub(monkeypatch) as served:
        assert cli.main(["download", "sonic"]) == 2
    said = capsys.readouterr()
    assert "--accept-licence" in said.err
    assert "CC BY-NC-SA" in said.out
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
        if done:
            raise KeyboardInterrupt

    def in_two_parts(handler, content, start):
        handler.send_start(content, start)
        middle = start or len(content) - 1_000_000
        handler.wfile.write(content[start:middle])
        if not start:
            served.over.wait(60)  # for the interruption
        handler.wfile.write(content[middle:])

    with hub(monkeypatch, files, send=in_two_parts) as served:
        (item,) = only("unet", tmp_path, known(files))
        with pytest.raises(KeyboardInterrupt):
            fetch(item, interrupt)
        served.over.set()
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
        item = only("svd", tmp_path)[0]
        with pytest.raises(ModelMissingError, match="accept them there, then log in"):
            fetch(item)


def test_a_token_opens_it_and_goes_to_the_hub_only(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody")
    with hub(monkeypatch, gated=("stabilityai/stable-video-diffusion-img2vid-xt",)) as served:
        item = only("svd", tmp_path)[0]
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


def test_a_connection_that_breaks_is_not_told_as_a_folder_that_cannot_be_written(monkeypatch, tmp_path):
    def broken(*args, **options):
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(download, "get_hf_file_metadata", broken)
    (item,) = only("unet", tmp_path)
    with pytest.raises(ModelMissingError, match="Check the connection"):
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
    for place in ("sonic/unet.safetensors", "svd_xt_1_1.safetensors"):
        save_file({"a": torch.zeros(3)}, tmp_path / place)
    places = [
        item.target.relative_to(tmp_path).as_posix()
        for item in missing_downloads(SMALL_FILES, [tmp_path], tmp_path.joinpath)
    ]
    assert places == [
        "sonic/audio2token.pth",
        "sonic/audio2bucket.pth",
        "sonic/whisper-tiny/model.safetensors",
        "sonic/RIFE/flownet.pkl",
    ]


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [("https://mirror.example", True), ("http://mirror.example", False), ("http://localhost:80", True)],
)
def test_a_token_is_not_sent_in_clear_text(monkeypatch, tmp_path, endpoint, told):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    seen = []

    def asked(url, token=None):
        seen.append("authorization" in download.build_hf_headers(token=token))
        raise OSError("no network in this test")

    monkeypatch.setattr(download, "get_hf_file_metadata", asked)
    with pytest.raises(ModelMissingError):
        fetch(only("unet", tmp_path)[0])
    assert seen == [told]


def test_files_that_do_not_open_are_fetched_again_and_the_users_own_are_left(monkeypatch, tmp_path, capsys):
    models = tmp_path / "models"
    (models / "sonic").mkdir(parents=True)
    (models / "sonic" / "unet.pth").write_bytes(b"half of it")
    torch.save({"mine": torch.zeros(3)}, models / "sonic" / "audio2token.pth")
    own = (models / "sonic" / "audio2token.pth").read_bytes()
    with hub(monkeypatch):
        assert cli.main(["download", "sonic", "--models-folder", str(models), "--accept-licence", "--json"]) == 0
    assert "sonic/unet.pth" in json.loads(capsys.readouterr().out)["fetched"]
    assert (models / "sonic" / "unet.pth").read_bytes() == FILES["LeonJoe13/Sonic/Sonic/unet.pth"]
    assert (models / "sonic" / "audio2token.pth").read_bytes() == own


def test_a_broken_file_that_goes_before_the_fetched_one_is_named(monkeypatch, tmp_path, capsys):
    models = tmp_path / "models"
    (models / "sonic").mkdir(parents=True)
    (models / "sonic" / "unet.safetensors").write_bytes(b"half of it")
    with hub(monkeypatch):
        assert cli.main(["download", "sonic", "--models-folder", str(models), "--accept-licence"]) == 1
    assert "unet.safetensors is truncated" in capsys.readouterr().err
    assert (models / "sonic" / "unet.pth").exists()
