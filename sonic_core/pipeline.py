"""The whole way from a picture and a recording to an mp4, for any engine: prepare, sample, decode, write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from .audio.clip import AudioClip
from .engines.base import Engine
from .media.c2pa_signing import Signing, check_signing, sign
from .media.provenance import PRODUCER, Provenance, audio_digest
from .media.writer import Encoding, check_output, write_video
from .models.credits import credits_of
from .portrait.portrait import Portrait
from .post.visible_label import VisibleLabel, with_visible_label
from .progress import Progress, ignore
from .settings import Settings


@dataclass(frozen=True)
class Labels:
    """How a clip is marked as synthetic beyond what every file says.

    producer: name or code of whoever provides the service, for the `AIGC` record.  visible: words in a corner of the picture, None = none.
    signing: the user's credentials for a C2PA signature, None = none.
    """

    producer: str = PRODUCER
    visible: VisibleLabel | None = None
    signing: Signing | None = None


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
    labels: Labels | None = None,
) -> Generated:
    """Make `portrait` speak `audio` and write the mp4; frames are rendered, encoded and forgotten one at a time.

    The file always tells how it was made (media/provenance.py); `metadata` adds tags, `labels` says what else marks it.
    An existing `output` is kept and a numbered name used instead, unless `overwrite`.  Raises the package's errors
    (errors.py) and whatever `progress` raises; neither leaves a half-written file.
    """
    settings, labels = settings or Settings(), labels or Labels()
    if labels.signing:
        check_signing(labels.signing, Path(output))
    check_output(output)
    conditioning = engine.prepare(portrait, audio, settings, progress)
    latents = engine.sample(conditioning, settings, progress)
    frames = with_visible_label(engine.decode(conditioning, latents, progress), labels.visible)
    provenance = Provenance(
        labels.producer,
        engine.name,
        credits_of(engine.name),
        settings.seed,
        asdict(settings),
        portrait.digest,
        audio_digest(audio),
    )
    path = write_video(
        frames,
        conditioning.audio,
        output,
        encoding or Encoding(),
        {**(metadata or {}), **provenance.tags()},
        overwrite,
        progress,
        finish=partial(sign, signing=labels.signing, title=Path(output).name) if labels.signing else None,
    )
    return Generated(path, len(frames), frames.duration, conditioning.notes)
