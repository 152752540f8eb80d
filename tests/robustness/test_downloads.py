"""Downloads from a server on this machine that does what a broken or hostile one does: an end in bounded time, in our words."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from hub_server import Hub, serving

from sonic_core.engines.sonic.files import SONIC_FILES
from sonic_core.errors import ModelMissingError
from sonic_core.models import download
from sonic_core.models.alone import alone_with
from sonic_core.models.download import Fetched, fetch
from sonic_core.models.download_record import write_record
from sonic_core.models.missing import missing_downloads

NAME = "LeonJoe13/Sonic/Sonic/unet.pth"
CONTENT = os.urandom(24_000_000)
"""More than two of the blocks that the hub's client hands over."""
BLOCK = 10 * 2**20
WAIT = 1.0
"""s that the client waits for a word from the server, in these tests."""


@pytest.fixture(autouse=True)
def on_this_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", WAIT)


@contextmanager
def hub(monkeypatch, send, files=None):
    with serving(Hub(files or {NAME: CONTENT}, send=send)) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        try:
            yield served
        finally:
            served.over.set()


def unet(into, content=CONTENT):
    """The manifest's UNet as a file of this content."""
    known = next(file for file in SONIC_FILES if file.key == "unet")
    remote = replace(known.source.files[0], size=len(content), sha256=hashlib.sha256(content).hexdigest())
    file = replace(known, source=replace(known.source, files=(remote,)))
    (item,) = missing_downloads([file], [into], into.joinpath)
    return item


def parts(item):
    return [path for path in item.target.parent.iterdir() if path.name.endswith(".part")]


def asked_from(served):
    return [ranged for method, path, ranged in served.requests if method == "GET"]


def test_an_endless_body_is_cut_off_and_removed(monkeypatch, tmp_path):
    def send(handler, content, start):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        block = bytes(1 << 20)
        try:
            while not handler.server.over.is_set():
                handler.wfile.write(b"%x\r\n" % len(block) + block + b"\r\n")
        except OSError:
            handler.close_connection = True

    with hub(monkeypatch, send):
        item = unet(tmp_path)
        with pytest.raises(ModelMissingError, match="more than the 24000000 bytes"):
            fetch(item)
    assert list(item.target.parent.iterdir()) == []


def test_a_stall_is_waited_for_and_the_rest_asked_for(monkeypatch, tmp_path):
    def send(handler, content, start):
        handler.send_start(content, start)
        if start:
            handler.wfile.write(content[start:])
        else:
            handler.wfile.write(content[: BLOCK + 1000])
            handler.wfile.flush()
            handler.server.over.wait(30)
            handler.close_connection = True

    with hub(monkeypatch, send) as served:
        item = unet(tmp_path)
        fetch(item)
    assert item.target.read_bytes() == CONTENT
    assert set(asked_from(served)) == {None, f"bytes={BLOCK}-"}


def test_a_server_that_drips_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "STALLED_S", 3.0)

    def send(handler, content, start):
        handler.send_start(content, start)
        try:
            while not handler.server.over.wait(WAIT / 4):
                handler.wfile.write(content[start : start + 1])
                handler.wfile.flush()
        except OSError:
            pass
        handler.close_connection = True

    with hub(monkeypatch, send):
        item = unet(tmp_path)
        with pytest.raises(ModelMissingError, match="sends too slowly"):
            fetch(item)
    assert not item.target.exists()


def test_a_drip_can_be_cancelled_at_once(monkeypatch, tmp_path):
    """What stops a run raises from `progress`; the client, which waits for its next block, would not notice."""

    def send(handler, content, start):
        handler.send_start(content, start)
        try:
            while not handler.server.over.wait(WAIT / 4):
                handler.wfile.write(content[:1])
        except OSError:
            pass
        handler.close_connection = True

    def stop(stage, done, total, preview=None):
        if time.monotonic() > begun + 1:
            raise KeyboardInterrupt

    with hub(monkeypatch, send):
        item, begun = unet(tmp_path), time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            fetch(item, stop)
        assert len(parts(item)) == 1
    assert not item.target.exists()


def test_a_truncated_body_is_completed(monkeypatch, tmp_path):
    def send(handler, content, start):
        handler.send_start(content, start)
        handler.wfile.write(content[start:] if start else content[: BLOCK + 1000])
        handler.close_connection = True

    with hub(monkeypatch, send) as served:
        item = unet(tmp_path)
        fetch(item)
    assert item.target.read_bytes() == CONTENT
    assert asked_from(served)[0] is None
    assert asked_from(served)[-1].startswith("bytes=")


def test_a_body_that_never_comes_is_given_up_and_what_came_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)

    def send(handler, content, start):
        handler.send_start(content, start)
        handler.wfile.write(b"" if start else content[: BLOCK + 1000])
        handler.close_connection = True

    with hub(monkeypatch, send):
        item = unet(tmp_path)
        with pytest.raises(ModelMissingError, match="continues where it stopped"):
            fetch(item)
        (part,) = parts(item)
        assert part.read_bytes() == CONTENT[: part.stat().st_size]
    assert part.stat().st_size >= BLOCK
    assert not item.target.exists()


def test_a_short_body_that_ends_cleanly_is_no_file(monkeypatch, tmp_path):
    def send(handler, content, start):
        handler.send_start(content[:1000], start)
        handler.wfile.write(content[:1000])

    with hub(monkeypatch, send):
        item = unet(tmp_path)
        with pytest.raises(ModelMissingError, match="cannot be fetched"):
            fetch(item)
    assert not item.target.exists()


def test_another_content_of_the_same_length_is_removed(monkeypatch, tmp_path):
    """Also when it was begun as the right one: a part continued by a server that has changed its mind."""

    def send(handler, content, start):
        handler.send_start(content, start)
        handler.wfile.write(bytes(len(content) - start))

    with hub(monkeypatch, send):
        item = unet(tmp_path)
        item.target.parent.mkdir(parents=True)
        etag = hashlib.sha256(CONTENT).hexdigest()[:16]
        item.target.with_name(f".unet.pth.{etag}.part").write_bytes(CONTENT[:1000])
        with pytest.raises(ModelMissingError, match="arrived damaged and was removed"):
            fetch(item)
    assert list(item.target.parent.iterdir()) == []


def test_a_part_of_another_etag_is_not_continued_and_goes_when_the_file_is_there(monkeypatch, tmp_path):
    with hub(monkeypatch, None) as served:
        item = unet(tmp_path)
        item.target.parent.mkdir(parents=True)
        item.target.with_name(".unet.pth.0123456789abcdef.part").write_bytes(b"what it was before")
        fetch(item)
    assert set(asked_from(served)) == {None}
    assert [path.name for path in item.target.parent.iterdir()] == ["unet.pth"]
    assert item.target.read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_begun_anew(monkeypatch, tmp_path):
    with hub(monkeypatch, None):
        item = unet(tmp_path)
        item.target.parent.mkdir(parents=True)
        etag = hashlib.sha256(CONTENT).hexdigest()[:16]
        item.target.with_name(f".unet.pth.{etag}.part").write_bytes(CONTENT + b"more")
        fetch(item)
    assert item.target.read_bytes() == CONTENT


def test_a_server_that_ignores_where_to_go_on_gives_no_damaged_file(monkeypatch, tmp_path):
    def send(handler, content, start):
        handler.send_start(content, 0)
        handler.wfile.write(content)

    with hub(monkeypatch, send):
        item = unet(tmp_path)
        item.target.parent.mkdir(parents=True)
        etag = hashlib.sha256(CONTENT).hexdigest()[:16]
        item.target.with_name(f".unet.pth.{etag}.part").write_bytes(CONTENT[:1000])
        with suppress(ModelMissingError):  # older clients append what comes, which then is too much
            fetch(item)
        if not item.target.exists():
            fetch(item)
    assert item.target.read_bytes() == CONTENT


def test_a_server_that_says_nothing_is_given_up(monkeypatch, tmp_path):
    import socket

    silent = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
    asked = download.get_hf_file_metadata
    monkeypatch.setattr(download, "get_hf_file_metadata", lambda url, token: asked(url, token=token, timeout=WAIT))
    with silent, pytest.raises(ModelMissingError, match="Check the connection"):
        fetch(unet(tmp_path))


@pytest.mark.parametrize("location", ["http://storage.example/unet.pth", "HTTP://10.0.0.1/unet.pth"])
def test_nothing_is_fetched_from_where_encryption_ends(monkeypatch, tmp_path, location):
    class Announced:
        commit_hash, etag, size = "c" * 40, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT)

    Announced.location = location
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    monkeypatch.setattr(download, "get_hf_file_metadata", lambda url, token: Announced)
    monkeypatch.setattr(download, "http_get", lambda *_, **__: pytest.fail("it was fetched"))
    item = unet(tmp_path)
    with pytest.raises(ModelMissingError, match="not encrypted; nothing was fetched"):
        fetch(item)
    assert not item.target.parent.exists()


def test_a_redirect_that_never_ends_is_given_up(monkeypatch, tmp_path):
    def send(handler, content, start):
        handler.send_nothing(302, {"Location": handler.path})

    with hub(monkeypatch, send):
        item = unet(tmp_path)
        with pytest.raises(ModelMissingError, match="cannot be fetched"):
            fetch(item)
    assert not item.target.exists()


def test_no_thread_is_left(monkeypatch, tmp_path):
    with hub(monkeypatch, None):
        fetch(unet(tmp_path))
    assert "download" not in [thread.name for thread in threading.enumerate()]


def test_two_downloads_of_one_file_fetch_it_once(monkeypatch, tmp_path):
    """The second one waits for the first, whose server sends the rest only then."""
    second_waits = threading.Event()

    def send(handler, content, start):
        handler.send_start(content, start)
        handler.wfile.write(content[start : start + BLOCK])
        handler.wfile.flush()
        assert second_waits.wait(60)
        handler.wfile.write(content[start + BLOCK :])

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 60)
    with hub(monkeypatch, send) as served, ThreadPoolExecutor(2) as pool:
        item = unet(tmp_path)
        first = pool.submit(fetch, item)
        while not (item.target.parent.is_dir() and any(part.stat().st_size for part in parts(item))):
            assert not first.done(), first.result()
            time.sleep(0.02)
        second = pool.submit(fetch, item, lambda *told: second_waits.set())
        assert first.result() == second.result()
    assert item.target.read_bytes() == CONTENT
    assert list(item.target.parent.iterdir()) == [item.target]
    bodies = [path for method, path, _ in served.requests if method == "GET" and path.startswith("/storage/")]
    assert len(bodies) == 1


def test_a_download_that_waits_can_be_cancelled_and_takes_over_when_the_first_gives_up(monkeypatch, tmp_path):
    with hub(monkeypatch, None):
        item = unet(tmp_path)
        item.target.parent.mkdir(parents=True)
        part = item.target.with_name(f".{item.target.name}.{item.remote.sha256[:16]}.part")

        def stop(*told):
            raise KeyboardInterrupt

        with alone_with(part), pytest.raises(KeyboardInterrupt):
            fetch(item, stop)
        part.write_bytes(CONTENT[:BLOCK])
        fetch(item)
    assert item.target.read_bytes() == CONTENT


def test_records_written_at_once_hold_everything(tmp_path):
    def written(i):
        return write_record(tmp_path, {f"part{i}": Fetched("a/b", f"{i}", "c" * 40, i, "0" * 64)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(written, range(24)))
    assert len(json.loads((tmp_path / "downloads.json").read_text())) == 24
    assert [path.name for path in tmp_path.iterdir()] == ["downloads.json"]
