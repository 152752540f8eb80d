"""Files behind URLs: asked for before the work, brought here whole, for this user alone."""

import os
import tempfile

import pytest

from sonic_core.errors import PortraitError
from sonic_core.jobs import remote_files, worker


class Web:
    """As fsspec's file system of web servers: its `ukey` knows the address alone."""

    protocol = ("http", "https")

    def __init__(self):
        self.files = {"https://x/a.PNG": b"one"}

    def ukey(self, path):
        return path

    def info(self, path):
        if path not in self.files:
            raise FileNotFoundError(path)
        return {"name": path, "size": None, "ETag": self.files[path].decode()}

    def get_file(self, path, target):
        with open(target, "wb") as file:
            file.write(self.files[path])


@pytest.fixture
def web(tmp_path, monkeypatch):
    web = Web()
    monkeypatch.setattr(remote_files, "_opened", lambda url: (web, url))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return web


def test_a_changed_file_is_another_one_and_a_missing_one_is_told(web):
    versions = [remote_files.version_of("https://x/a.PNG", PortraitError)]
    assert remote_files.fetched("https://x/a.PNG").read_bytes() == b"one"
    web.files["https://x/a.PNG"] = b"two"
    versions.append(remote_files.version_of("https://x/a.PNG", PortraitError))
    assert len(set(versions)) == 2
    assert remote_files.fetched("https://x/a.PNG").read_bytes() == b"two"
    with pytest.raises(PortraitError, match="cannot be read"):
        remote_files.version_of("https://x/b.png", PortraitError)


def test_what_cannot_be_fetched_whole_leaves_nothing(web, tmp_path, monkeypatch):
    def breaks_off(path, target):
        raise ArithmeticError("payload is not completed")  # any kind of its own

    monkeypatch.setattr(web, "get_file", breaks_off)
    with pytest.raises(OSError, match=r"a\.PNG cannot be fetched \(payload"):
        remote_files.fetched("https://x/a.PNG")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has a temporary folder for each user")
def test_each_user_has_a_folder_of_their_own(web):
    folder = remote_files.fetched("https://x/a.PNG").parent
    assert folder.name.endswith(f"-{os.getuid()}")
    assert folder.stat().st_mode & 0o077 == 0


def test_the_trial_of_check_brings_files_here_too(web, tmp_path, monkeypatch):
    def job_from_values(values):
        raise InterruptedError(values["picture"])

    monkeypatch.setattr(worker, "job_from_values", job_from_values)
    with pytest.raises(InterruptedError, match=str(tmp_path)):
        worker.trial({"picture": "https://x/a.PNG", "recording": "a.wav"}, tmp_path, 1.0)
