"""Animated GIF: 256 colours a frame, no sound, tags as a comment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import cast

import av
import numpy as np

from ..frames import FrameStream, exact_rate
from ..progress import Progress
from ..stream_check import checked
from .muxing import opened
from .pending_file import plain_output_errors

HUNDREDTHS = Fraction(1, 100)  # how a GIF counts time
TRAILER = b"\x3b"
COMMENT = b"\x21\xfe"
BLOCK = 250  # bytes of a sub-block; its length is never taken for the second byte of COMMENT


def write_gif(
    frames: FrameStream, temporary: Path, metadata: Mapping[str, str], progress: Progress, path: Path
) -> None:
    """Write `frames` into `temporary`, each with its own palette; plays for ever.

    Ordered dithering: its pattern stands still from frame to frame.  metadata becomes a JSON comment.
    """
    rate = exact_rate(frames.fps)
    with opened(temporary, "gif", {"loop": "0"}, path) as output:
        with plain_output_errors(path):
            stream = output.add_stream("gif", rate=rate)
            stream.width, stream.height, stream.pix_fmt = frames.width, frames.height, "pal8"
            stream.codec_context.time_base = HUNDREDTHS
            palette = _palette_graph(frames.width, frames.height, rate)
        for index, frame in enumerate(checked(frames), start=1):
            with plain_output_errors(path):
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts, picture.time_base = index - 1, 1 / rate
                palette.push(picture)
                drawn = cast(av.VideoFrame, palette.pull())
                drawn.pts, drawn.time_base = round((index - 1) / rate / HUNDREDTHS), HUNDREDTHS
                for packet in stream.encode(drawn):
                    output.mux(packet)
            progress("encoding", index, len(frames), partial(np.asarray, frame))
        with plain_output_errors(path):
            output.mux(stream.encode(None))
    with plain_output_errors(path):
        _add_comment(temporary, json.dumps(dict(metadata), ensure_ascii=False).encode())


def read_comment(path: Path) -> dict[str, str]:
    """The tags of a GIF that `write_gif` wrote; empty for any other."""
    content = path.read_bytes()
    start = content.rfind(COMMENT)
    text, position = b"", start + len(COMMENT)
    while start >= 0 and position < len(content) and content[position]:
        text += content[position + 1 : position + 1 + content[position]]
        position += 1 + content[position]
    try:
        tags = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, dict) else {}


def _palette_graph(width: int, height: int, rate: Fraction) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("rgb24"), time_base=1 / rate)
    split, palette = graph.add("split"), graph.add("palettegen", "stats_mode=single")
    use, sink = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=3"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(palette, 0, 0)
    split.link_to(use, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


def _blocks(text: bytes) -> bytes:
    parts = (text[start : start + BLOCK] for start in range(0, len(text), BLOCK))
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\x00"


def _add_comment(path: Path, text: bytes) -> None:
    """Put a comment extension (GIF89a, section 24) before the trailer."""
    with path.open("r+b") as file:
        file.seek(-1, 2)
        if file.read(1) == TRAILER:
            file.seek(-1, 2)
        file.write(COMMENT + _blocks(text) + TRAILER)
