"""TolerantDecoder: the frames of one stream of a file, with what cannot be decoded left out and counted, as players do."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import av

from .opening import reason

log = logging.getLogger(__name__)

MOST_FAULTS = 10_000
"""Packets in a row that cannot be decoded before the rest of a file is given up."""


class TolerantDecoder:
    """Iterate once for the frames of `stream`.

    skipped: packets that could not be decoded.  corrupt: frames that the decoder itself calls damaged.  last_error: why, in FFmpeg's words.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self.container, self.stream = container, stream
        self.skipped = self.corrupt = 0
        self.last_error = ""

    def __iter__(self) -> Iterator[Any]:
        packets = self.container.demux(self.stream)
        in_a_row = 0
        while in_a_row < MOST_FAULTS:
            try:
                packet = next(packets)
                frames = packet.decode()
            except (StopIteration, av.EOFError):
                return
            # Demuxers end with an error when the file is cut off.  BlockingIOError: a decoder that wants other packets first.
            except (av.FFmpegError, ValueError, OSError) as error:
                self.skipped += 1
                in_a_row += 1
                self.last_error = reason(error)
                log.debug("undecodable packet: %s", error)
                continue
            in_a_row = 0
            for frame in frames:
                self.corrupt += bool(getattr(frame, "is_corrupt", False))
                yield frame

    @property
    def faults(self) -> int:
        return self.skipped + self.corrupt

    def trouble(self) -> str:
        return f": {self.last_error}" if self.last_error else ""
