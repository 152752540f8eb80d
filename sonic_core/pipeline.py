"""The whole way from a picture and a recording to an mp4, for any engine: prepare, sample, decode, write."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import __version__
from .audio.clip import AudioClip
from .between.interpolation import FrameRate, interpolated
from .engines.base import Conditioning, Engine, Latents
from .engines.latents_file import load_latents, save_latents
from .errors import OutputError, SettingsError
from .frames import FrameStream
from .media.c2pa_signing import Signing, check_signing, sign
from .media.provenance import PRODUCER, Provenance, audio_digest
from .media.visible_label import VisibleLabel, with_visible_label
from .media.writer import Encoding, check_output, write_video
from .models.credits import credits_of
from .portrait.portrait import Portrait
from .progress import Progress, ignore
from .settings import Settings
from .smoothing.choice import Smoothing

log = logging.getLogger(__name__)


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
class Kept:
    """Where latents are kept from the end of sampling until the video is complete.

    resume: go on from those that are there.  required: latents that are there and cannot be used are an error; otherwise sampling
    begins anew.
    """

    path: Path
    resume: bool = False
    required: bool = True


def kept_in(
    folder: Path,
    engine: Engine,
    portrait: Portrait,
    audio: AudioClip,
    settings: Settings,
    mask: NDArray[np.uint8] | None = None,
) -> Kept:
    """Latents in `folder`, named after all that they are made from: the same again goes on by itself, anything else starts anew."""
    made_by = {**_origin(engine, portrait, audio, settings, mask), "program": __version__}
    name = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:16]
    return Kept(folder / f"{name}.latents.safetensors", resume=True, required=False)


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
    mask: NDArray[np.uint8] | None = None,
    kept: Kept | None = None,
    rate: FrameRate | None = None,
    smoothing: Smoothing | None = None,
) -> Generated:
    """Make `portrait` speak `audio` and write the mp4; frames are rendered, encoded and forgotten one at a time.

    The file always tells how it was made (media/provenance.py); `metadata` adds tags, `labels` says what else marks it.
    mask: where speech may act, for engines that take one (see their `prepare`).  kept: for engines whose sampling takes long.
    rate: another frame rate than the engine's; the number of frames is round(duration * fps).
    smoothing: of the decoded frames, before others are made between them and labels are drawn.
    An existing `output` is kept and a numbered name used instead, unless `overwrite`.  Raises the package's errors
    (errors.py) and whatever `progress` raises; neither leaves a half-written file.
    """
    settings, labels, smoothing = settings or Settings(), labels or Labels(), smoothing or Smoothing()
    if labels.signing:
        check_signing(labels.signing, Path(output))
    check_output(output)
    conditioning = engine.prepare(portrait, audio, settings, progress, **({} if mask is None else {"mask": mask}))
    origin = _origin(engine, portrait, audio, settings, mask) if kept else {}
    latents, kept = _sampled(engine, conditioning, settings, kept, origin, progress)
    provenance = Provenance(
        labels.producer,
        engine.name,
        credits_of(engine.name),
        settings.seed,
        asdict(settings)
        | ({"output_fps": rate.fps} if rate else {})
        | ({"visible_label": labels.visible.span} if labels.visible else {})
        | ({"smooth": smoothing.method, "smooth_strength": smoothing.strength} if smoothing.acts else {}),
        portrait.digest,
        audio_digest(audio),
    )
    with _kept_until_done(kept):
        frames = with_visible_label(_frames(engine, conditioning, latents, rate, smoothing, progress), labels.visible)
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


def _frames(
    engine: Engine,
    conditioning: Conditioning,
    latents: Latents,
    rate: FrameRate | None,
    smoothing: Smoothing,
    progress: Progress,
) -> FrameStream:
    """The decoded frames, smoothed; at another rate drawn so where the engine can draw any moment, otherwise made between its frames."""
    if rate is None or rate.fps == engine.fps:
        return smoothing(engine.decode(conditioning, latents, progress))
    seconds = conditioning.audio.duration
    if at_rate := getattr(engine, "at_rate", None):
        drawn = at_rate(latents, rate.fps, conditioning.audio.frame_count(rate.fps))
        return smoothing(engine.decode(conditioning, drawn, progress))
    return interpolated(smoothing(engine.decode(conditioning, latents, progress)), rate.fps, rate.between, seconds)


def _sampled(
    engine: Engine,
    conditioning: Conditioning,
    settings: Settings,
    kept: Kept | None,
    origin: Mapping[str, Any],
    progress: Progress,
) -> tuple[Latents, Kept | None]:
    """The latents of an earlier run where they are to be used again, new ones otherwise; and where they lie, None = nowhere."""
    if kept and kept.resume and kept.path.exists():
        try:
            return load_latents(kept.path, conditioning, origin), kept
        except SettingsError as error:
            if kept.required:
                raise
            log.warning("What was kept cannot be used, sampling begins anew: %s", error)
    latents = engine.sample(conditioning, settings, progress)
    if kept is None:
        return latents, None
    try:
        save_latents(latents, kept.path, origin)
    except OutputError as error:  # the clip may still fit where its latents do not
        log.warning("What was sampled is not kept, a failure from here on would lose it: %s", error)
        return latents, None
    return latents, kept


@contextmanager
def _kept_until_done(kept: Kept | None) -> Iterator[None]:
    """Remove the kept latents when the video is complete; say where they are when it is not."""
    try:
        yield
    except BaseException:
        if kept:
            how = "run the same again" if kept.resume else "resume"
            log.warning("What was sampled is kept in %s; %s to go on from there.", kept.path, how)
        raise
    if kept:
        try:
            kept.path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("The video is complete; %s can be deleted and could not be (%s).", kept.path, error)


def _origin(
    engine: Engine, portrait: Portrait, audio: AudioClip, settings: Settings, mask: NDArray[np.uint8] | None
) -> dict[str, Any]:
    """All that latents depend on, by name."""
    parts = {
        "engine": engine.name,
        **getattr(engine, "identity", {}),
        "picture": portrait.digest,
        "face box": list(portrait.face_box),
        "mask": None if mask is None else hashlib.sha256(mask.tobytes()).hexdigest(),
        "recording": audio_digest(audio),
        "settings": asdict(settings),
    }
    return json.loads(json.dumps(parts))
