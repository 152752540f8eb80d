"""Fetching weights from the Hugging Face hub or a mirror of it: only when asked, resumable, checked, and written down."""

from __future__ import annotations

import glob
import io
import os
import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import (
    are_progress_bars_disabled,
    build_hf_headers,
    disable_progress_bars,
    enable_progress_bars,
)

from ..errors import ModelMissingError, OutputError, SonicError
from ..progress import Progress, ignore
from .alone import alone_with
from .checking import sha256_of
from .manifest import RemoteFile
from .missing import Download

MEGABYTE = 10**6
STALLED_S = 600.0
"""s without growth (the hub's client hands over 10 MB at a time) after which a server is given up that sends too little to use."""
_LOOK_S = 0.2
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
SHA256 = re.compile("[0-9a-f]{64}")
# What the hub's transport raises has another base class in other releases of huggingface_hub.
NETWORK_ERRORS: tuple[type[Exception], ...] = (OSError, *HfHubHTTPError.__bases__)  # type: ignore[assignment]  # all are exceptions

ON_THE_WAY = (ConnectionError, TimeoutError, socket.gaierror, ssl.SSLError)
"""Those of them that have a number as a full disk has one."""


@dataclass(frozen=True)
class Fetched:
    """What has been fetched: repository, path in it, commit, size in bytes and sha256 of the file on disk."""

    repository: str
    path: str
    commit: str
    size: int
    sha256: str


def check_offered(downloads: Sequence[Download], progress: Progress = ignore) -> None:
    """Ask the server for every file before gigabytes of the first are fetched: whether it gives it, and whether it is the right one.

    Raises ModelMissingError where it does not, `progress` may raise between two questions.
    """
    for done, download in enumerate(downloads):
        progress("asking", done, len(downloads))
        try:
            _announced(download)
        except NETWORK_ERRORS as error:
            raise _explained(error, download) from error


def fetch(download: Download, progress: Progress = ignore) -> Fetched:
    """Fetch a file; what an interrupted run has fetched is kept in a `.part` file beside it and continued.

    A run that finds another one at work on the same file waits for it, and goes on where that one stops.
    `progress` counts megabytes.  The server is huggingface.co or what HF_ENDPOINT names; a token is found as huggingface_hub does.
    Raises ModelMissingError when the server cannot be reached, refuses, or has another file than the manifest names,
    OutputError when writing fails.
    """
    source, remote, target = download.file.source, download.remote, download.target
    try:
        announced = _announced(download)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{announced.etag[:16]}.part")
        url = _url(download, announced.commit)
        total = -(-announced.size // MEGABYTE)
        with alone_with(part, lambda: progress("downloading", _megabytes(part), total)):
            if target.exists() and sha256_of(target, progress) == remote.sha256:  # another run fetched it meanwhile
                part.unlink(missing_ok=True)
            else:
                _check_space(target, announced.size - part.stat().st_size)
                with _own_bars():
                    _fetch_rest(url, part, announced.size, progress)
                if sha256_of(part, progress) != remote.sha256:
                    part.unlink()
                    raise ModelMissingError(f"{url} arrived damaged and was removed; run the download again.")
                os.replace(part, target)
            _remove_others(target)
    except NETWORK_ERRORS as error:
        raise _explained(error, download) from error
    return Fetched(source.repository, remote.path, announced.commit, announced.size, remote.sha256)


class _BoundedFile(io.FileIO):
    """A file at whose end the body of an answer is written, up to `size` bytes; it knows how far it has grown.

    Closing waits for the block that is being written: whoever goes on where it ends must find its end.
    """

    def __init__(self, path: Path, size: int) -> None:
        super().__init__(path, "ab")
        self.size, self.writing = size, threading.Lock()
        self.grown = self.tell()

    def write(self, data: bytes) -> int:  # type: ignore[override]  # the hub hands over bytes
        with self.writing:
            if self.tell() + len(data) > self.size:
                raise _TooLongError
            written = super().write(data)
            self.grown = self.tell()
        return written

    def close(self) -> None:
        with self.writing:
            super().close()


class _TooLongError(Exception):
    """The server sends more than it announced."""


@dataclass(frozen=True)
class _Announced:
    """What the server says about a file: its commit, etag and size in bytes."""

    commit: str
    etag: str
    size: int


def _announced(download: Download) -> _Announced:
    """Raises ModelMissingError for another file than the manifest names, and what the hub's client raises."""
    url = _url(download, download.file.source.revision)
    answer = get_hf_file_metadata(url, token=_token_for(url))
    if not answer.commit_hash or not answer.etag or answer.size is None:
        raise ModelMissingError(f"{url} does not answer as a hub does; set HF_ENDPOINT to the hub or a mirror of it.")
    _check_announced(url, download.remote, answer.size, answer.etag)
    _check_stays_private(url, answer.location)
    return _Announced(answer.commit_hash, answer.etag, answer.size)


def _check_announced(url: str, expected: RemoteFile, size: int, etag: str) -> None:
    """Raises ModelMissingError before gigabytes of another file are fetched; small files have an etag of another kind."""
    if size != expected.size or (SHA256.fullmatch(etag) and etag != expected.sha256):
        raise ModelMissingError(
            f"{url} is {size} bytes with the checksum {etag}; this release knows the file of {expected.size} bytes with sha256 "
            f"{expected.sha256}. It was replaced at the source, or HF_ENDPOINT names a mirror with another one. "
            "If you trust it, fetch it by hand and put it into its place."
        )


def _check_stays_private(url: str, location: str) -> None:
    """Raises ModelMissingError where an encrypted server sends on to an address that is not."""
    address = urlsplit(location)
    if urlsplit(url).scheme == "https" and address.scheme == "http" and address.hostname not in THIS_MACHINE:
        raise ModelMissingError(
            f"{url} sends on to {location}, which is not encrypted; nothing was fetched. Set HF_ENDPOINT to the hub or another mirror."
        )


def _remove_others(target: Path) -> None:
    """Parts of what the source held under this name before: nobody continues them."""
    for part in target.parent.glob(f".{glob.escape(target.name)}.*.part"):
        part.unlink(missing_ok=True)


@contextmanager
def _own_bars() -> Iterator[None]:
    """The hub's client draws none meanwhile."""
    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()


def _url(download: Download, revision: str | None) -> str:
    """Its address; the environment is asked here, as huggingface_hub asks it once, when it is imported."""
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    return hf_hub_url(download.file.source.repository, download.remote.path, revision=revision, endpoint=endpoint)


def _token_for(url: str) -> bool | None:
    """huggingface_hub's `token`: None = the user's, where there is one; False = none, to servers that would get it in clear text."""
    address = urlsplit(url)
    return None if address.scheme == "https" or address.hostname in THIS_MACHINE else False


def _fetch_rest(url: str, part: Path, size: int, progress: Progress) -> None:
    """Bring `part` to `size` bytes.

    The transfer runs in a thread, so that `progress` can stop it and a server that drips is noticed, whatever the client waits for.
    """
    total = -(-size // MEGABYTE)
    with _BoundedFile(part, size) as file:
        if file.tell() > size:
            file.truncate(0)
            file.seek(0)
        if file.tell() == size:
            return
        transfer = _Transfer(url, file, size)
        transfer.start()
        told, since = file.grown, time.monotonic()
        while transfer.is_alive() or told != file.grown:
            transfer.join(_LOOK_S)
            if told != file.grown:
                told, since = file.grown, time.monotonic()
            progress("downloading", -(-told // MEGABYTE), total)
            if time.monotonic() - since > STALLED_S:
                raise ModelMissingError(
                    f"{url} sends too slowly: nothing to keep in {STALLED_S:.0f} s. Set HF_ENDPOINT to a mirror, or run the download "
                    "again: it continues where it stopped."
                )
    if isinstance(transfer.error, _TooLongError):
        part.unlink()
        raise ModelMissingError(f"{url} sends more than the {size} bytes that it announced; what came was removed.")
    if transfer.error is not None:
        raise transfer.error


class _Transfer(threading.Thread):
    """The hub's client at work on one file.  error: what ended it early.  Once the file is closed, its next write ends it."""

    def __init__(self, url: str, file: _BoundedFile, size: int) -> None:
        super().__init__(name="download", daemon=True)
        self.url, self.file, self.size = url, file, size
        self.error: BaseException | None = None

    def run(self) -> None:
        headers = build_hf_headers(token=_token_for(self.url))
        try:
            http_get(self.url, self.file, resume_size=self.file.tell(), headers=headers, expected_size=self.size)
        except BaseException as error:  # raised again where the file was asked for
            self.error = error


def _check_space(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise OutputError(
            f"{target} needs {needed / 1e9:.2f} GB and {target.parent} has {free / 1e9:.2f} GB free; free space or choose another folder."
        )


def _megabytes(path: Path) -> int:
    """What another run has fetched; 0 where it has just finished."""
    try:
        return path.stat().st_size // MEGABYTE
    except FileNotFoundError:
        return 0


def _explained(error: BaseException, download: Download) -> SonicError:
    """What a failure means to the user."""
    source, target = download.file.source, download.target
    if isinstance(error, GatedRepoError):
        return ModelMissingError(
            f"{source.page} gives its files to people who accepted its terms only: accept them there, then log in with "
            "`hf auth login` or set HF_TOKEN, and run the download again."
        )
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ON_THE_WAY):
        return OutputError(f"{target} cannot be written ({error}); free space there or choose another folder.")
    reason = " ".join(str(error).split()) or type(error).__name__
    return ModelMissingError(
        f"{download.remote.path} cannot be fetched from {source.repository}: {reason}. Check the connection, or set "
        "HF_ENDPOINT to a mirror; run the download again and it continues where it stopped."
    )
