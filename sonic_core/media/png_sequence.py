"""PNG sequence: a folder with a picture per frame, numbered from 1, and the sound beside them as sound.wav."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import av
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..audio.clip import AudioClip
from ..audio.store import blocks_of
from ..compositing import over
from ..errors import OutputError
from ..frames import FrameStream
from ..png_files import png_texts
from ..progress import Progress
from ..stream_check import checked
from .audio_track import LAYOUTS
from .pending_file import plain_output_errors

DIGITS = 6
SOUND = "sound.wav"
FPS_TAG = "fps"
SECONDS_AT_ONCE = 4


def write_png_sequence(
    frames: FrameStream,
    audio: AudioClip | None,
    folder: Path,
    metadata: Mapping[str, str],
    progress: Progress,
    path: Path,
) -> None:
    """Fill `folder`; the frames are kept bit for bit.  Every picture carries the tags and the frame rate (iTXt, sRGB chunk)."""
    info = PngInfo()
    for key, value in {**metadata, FPS_TAG: f"{frames.fps:g}"}.items():
        info.add_itxt(key, value)
    info.add(b"sRGB", b"\x00")
    for index, frame in enumerate(checked(frames), start=1):
        with plain_output_errors(path):
            Image.fromarray(frame).save(folder / f"{index:0{DIGITS}}.png", pnginfo=info, compress_level=3)
        progress("encoding", index, len(frames), partial(over, frame))
    if audio is not None:
        with plain_output_errors(path):
            _write_wave(audio, folder / SOUND)


def read_tags(folder: Path) -> dict[str, str]:
    """The tags of the first picture of a sequence.  Raises OutputError where it cannot be read."""
    first = next(iter(sorted(folder.glob("*.png"))), None)
    if first is None:
        return {}
    return png_texts(first, OutputError, "Expected a folder of frames as PNG.")


def _write_wave(audio: AudioClip, path: Path) -> None:
    """All channels at their own rate, 32-bit float: nothing is lost."""
    channels = len(audio.samples)
    layout = LAYOUTS.get(channels, f"{channels}c")
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream("pcm_f32le", rate=audio.rate, layout=layout)
        done = 0
        for part in blocks_of(audio.samples, SECONDS_AT_ONCE * audio.rate):
            packed = np.ascontiguousarray(part.T, dtype=np.float32).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
            frame.sample_rate, frame.pts = audio.rate, done
            done += part.shape[1]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
