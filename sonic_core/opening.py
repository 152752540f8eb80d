"""The one door through which media files are opened for reading; the only file that knows PyAV's versions.

A file is looked at before FFmpeg sees it: only regular files, no lists of other files.  FFmpeg may then use the demuxers below and the
file protocol alone, so that nothing a file says makes it read another file or ask a network.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av.container import InputContainer

from .errors import SonicError

DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,flv,live_flv,mpegts,mpegtsraw,mpeg,mpegvideo,m4v,mjpeg,h264,hevc,obu,ivf,av1,mxf,gxf,"
    "nut,dv,rm,ogg,wav,w64,aiff,caf,au,flac,mp3,aac,ac3,eac3,ac4,dts,dtshd,truehd,mlp,amr,amrnb,amrwb,ape,wv,tak,tta,mpc,mpc8,dsf,iff,"
    "qcp,oma,xwma,loas,lc3,voc,ircam,nistsphere,sox,gsm,gif,apng,yuv4mpegpipe,wtv,nsv,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,"
    "webvtt,srt"
)
OPTIONS = {"protocol_whitelist": "file", "format_whitelist": DEMUXERS}
PYAV = int(av.__version__.partition(".")[0])
OPEN_SECONDS, READ_SECONDS = 60.0, 60.0
"""Time limits: to open a file and find its streams, and for one read (a network drive that is gone)."""
HEAD = 4096
LONGEST_SHOWN = 120

LISTS = {
    b"#EXTM3U": "a playlist (M3U8)",
    b"ffconcat": "a list of files (ffconcat)",
    b"[playlist]": "a playlist (PLS)",
    b"<MPD": "a streaming manifest (DASH)",
    b"<smil": "a playlist (SMIL)",
    b"<asx": "a playlist (ASX)",
}
OTHERS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"{\\rtf": "a text document (RTF)",
    b"#!SILK": "a SILK voice message (WeChat, QQ); convert it to mp3 or wav with a SILK decoder first",
    b"\x02#!SILK": "a SILK voice message (WeChat, QQ); convert it to mp3 or wav with a SILK decoder first",
    b"<svg": "a vector drawing (SVG)",
    b"<!doctype html": "a web page (HTML); the download may have failed",
    b"<html": "a web page (HTML); the download may have failed",
}
_NAMED = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a named pipe",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
}


@contextmanager
def opened(path: Path, error: type[SonicError], expected: str) -> Iterator[InputContainer]:
    """The file as a PyAV container, closed on the way out.

    error: what is raised when there is no such file, it is of a kind that is not opened, or FFmpeg cannot read it.  expected: what the
    caller wanted and what to do, the end of the message: "Expected a video file."
    """
    check_regular(path, error, expected)
    container = _open(path, error, expected)
    with container:
        yield container


def open_media(path: Path, error: type[SonicError], expected: str) -> InputContainer:
    """The same for a caller that closes it later."""
    check_regular(path, error, expected)
    return _open(path, error, expected)


def open_piped(pipe: Pipe, error: type[SonicError], expected: str) -> InputContainer:
    """Media that are still being written into a pipe, opened as soon as their kind and first stream are known.

    Raises `error` for what cannot be read or ends before that.
    """
    try:
        return av.open(
            pipe,
            options={
                "format_whitelist": DEMUXERS,
                "probesize": str(HEAD),
                "analyzeduration": "0",
            },
            buffer_size=HEAD,
            **_tolerant_of_tags(),
        )
    except (av.FFmpegError, OSError, ValueError) as problem:
        raise error(f"What came through the pipe cannot be read: {reason(problem)}. {expected}") from problem


class Pipe(Protocol):
    """What is read as it comes: `read` returns at least one byte, or none at the end."""

    def read(self, size: int, /) -> bytes: ...


class HeldHead(io.RawIOBase):
    """A pipe whose first bytes, `head`, were looked at and are read again.

    Raises `error` for what is a list of files, no media or nothing.
    """

    def __init__(self, pipe: Pipe, error: type[SonicError], expected: str) -> None:
        self._pipe = pipe
        self.head = self._left = pipe.read(HEAD)
        if kind := list_of_files(self.head) or other_kind(self.head):
            raise error(f"What came through the pipe is {kind}. {expected}")
        if not self.head:
            raise error(f"Nothing came through the pipe. {expected}")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._left[: len(buffer)] or self._pipe.read(len(buffer))
        self._left = self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def open_numbered(folder: Path, pattern: str, fps: str) -> InputContainer:
    """The numbered pictures that this package wrote into a folder, as a video.  Raises what PyAV raises."""
    options = {"framerate": fps, "protocol_whitelist": "file"}
    return av.open(str(folder / pattern), format="image2", options=options, **_tolerant_of_tags())


def check_regular(path: Path, error: type[SonicError], expected: str) -> None:
    """Raises `error` in plain words for what is no file with content, and for a file that is a list of others or no media at all."""
    try:
        status = path.stat()
        if kind := next((name for test, name in _NAMED.items() if test(status.st_mode)), None):
            raise error(f"Cannot open {path}: it is {kind}. {expected}")
        if not status.st_size:
            raise error(f"{path.name} is empty (0 bytes). Export or download it again.")
        with path.open("rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:
        raise error(f"Cannot read {path}: it does not exist. Check the path and the name.") from None
    except (OSError, ValueError) as problem:  # ValueError: a zero byte or a lone surrogate in the name
        raise error(f"{_shortened(path.name)!r} cannot be read ({reason(problem)}). {expected}") from problem
    if kind := list_of_files(head):
        raise error(f"{path.name} is {kind}; lists of other files are not opened. {expected}")
    if kind := other_kind(head):
        raise error(f"Cannot open {path.name}: it is {kind}. {expected}")


def list_of_files(head: bytes) -> str | None:
    """What kind of list of other files begins like this; None for anything else."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith((b"v=0\r", b"v=0\n")):
        return "a session description (SDP)"
    return _beginning(text, LISTS) or ("a streaming manifest (DASH)" if b"<MPD" in head and b"<?xml" in head else None)


def other_kind(head: bytes) -> str | None:
    """What no decoder of sound or video reads, by its first bytes; None for anything else."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<?xml") and b"<svg" in head:
        return OTHERS[b"<svg"]
    return _beginning(text, OTHERS)


def tags_of(owner: Any) -> dict[str, str]:
    """Tags of a container or stream as text, whatever encoding they were written in (UTF-8, else GB 18030, else Latin-1)."""
    metadata = owner.metadata
    try:
        pairs = list(metadata.items())
    except UnicodeDecodeError:
        pairs = [(key, value) for key in _keys(metadata) if (value := _value(metadata, key)) is not None]
    return {_legible(key): _legible(value) for key, value in pairs}


def in_seconds(value: int, time_base: Any) -> float:
    """A time stamp in its stream's units; time_base: Fraction, or PyAV 19's AVRational."""
    return float(value * as_fraction(time_base))


def as_fraction(rational: Any) -> Fraction:
    """Exact fraction of a time base or rate; 0 for one that is not set (None, 0/1, 1/0)."""
    if rational is None or not rational.denominator:
        return Fraction(0)
    return Fraction(rational.numerator, rational.denominator)


def reason(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")


def _open(path: Path, error: type[SonicError], expected: str) -> InputContainer:
    try:
        # "file:" and absolute: FFmpeg takes what stands before a colon for a protocol.
        return av.open(
            f"file:{path.absolute()}",
            options=dict(OPTIONS),
            timeout=(OPEN_SECONDS, READ_SECONDS),
            **_tolerant_of_tags(),
        )
    except (av.FFmpegError, OSError, ValueError) as problem:
        raise error(
            f"Cannot read {path.name}: {reason(problem)}. It may be damaged or of another kind. {expected}"
        ) from problem


def _tolerant_of_tags() -> Mapping[str, Any]:
    """PyAV before 19 decodes tags when it opens a file and raises for those that are not UTF-8; 19 does both when they are asked for."""
    return {} if PYAV >= 19 else {"metadata_errors": "surrogateescape"}


def _keys(metadata: Any) -> list[str]:
    keys = []
    entries = iter(metadata)
    while True:
        try:
            keys.append(next(entries))
        except StopIteration:
            return keys
        except UnicodeDecodeError:
            return keys  # the iterator cannot go on behind a name that it cannot decode


def _value(metadata: Any, key: str) -> str | None:
    try:
        return metadata[key]
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "surrogateescape")
    except KeyError:
        return None


def _legible(text: str) -> str:
    """Text whose undecodable bytes stand as surrogates, read in the encodings that old programs write tags in."""
    if text.isprintable() or not any("\udc80" <= sign <= "\udcff" for sign in text):
        return text
    raw = text.encode("utf-8", "surrogateescape")
    for encoding in ("gb18030", "latin-1"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}..."


def _beginning(text: bytes, kinds: Mapping[bytes, str]) -> str | None:
    lowered = text[:64].lower()
    return next((kind for sign, kind in kinds.items() if lowered.startswith(sign.lower())), None)
