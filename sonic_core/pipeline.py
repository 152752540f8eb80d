"""The whole way from a picture and a recording to an mp4, for any engine: prepare, sample, decode, write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .audio.clip import AudioClip
from .engines.base import Engine
from .media.writer import Encoding, write_video
from .portrait.portrait import Portrait
from .progress import Progress, ignore
from .settings import Settings


@dataclass(frozen=True)
class Generated:
    """A finished clip: where it is, its length in frames and seconds, and what was adjusted on the way."""

    path: Path
    frames: int
    duration: float
    notes: tuple[str, ...]


def generate(
    engine: Engine,
    portrait: Portrait,
    audio: AudioClip,
    output: Path,
    settings: Settings | None = None,
    encoding: Encoding | None = None,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: Progress = ignore,
) -> Generated:
    """Make `portrait` speak `audio` and write the mp4; frames are rendered, encoded and forgotten one at a time.

    An existing `output` is kept and a numbered name used instead, unless `overwrite`.  Raises the package's errors
    (errors.py) and whatever `progress` raises; neither leaves a half-written file.
    """
    settings = settings or Settings()
    conditioning = engine.prepare(portrait, audio, settings, progress)
    latents = engine.sample(conditioning, settings, progress)
    frames = engine.decode(conditioning, latents, progress)
    path = write_video(
        frames,
        conditioning.audio,
        output,
        encoding or Encoding(),
        {"comment": json.dumps({"engine": engine.name, **asdict(settings)}), **(metadata or {})},
        overwrite,
        progress,
    )
    return Generated(path, len(frames), frames.duration, conditioning.notes)
