"""What is kept of a clip in work, so that it goes on after a failure: finished steps of sampling, then latents until the video is made."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .audio.clip import AudioClip
from .engines.base import Conditioning, Engine, Latents
from .engines.latents_file import StepFile, load_latents, save_latents
from .errors import OutputError, SettingsError
from .media.provenance import audio_digest
from .portrait.portrait import Portrait
from .progress import Progress
from .settings import Settings
from .version import __version__

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """Where latents are kept from the end of sampling until the video is complete, and finished steps until then.

    resume: go on from those that are there.  required: latents that are there and cannot be used are an error; otherwise sampling
    begins anew.
    """

    path: Path
    resume: bool = False
    required: bool = True

    @property
    def steps(self) -> Path:
        """Where the state of sampling is kept from step to step."""
        return self.path.with_name(f"{self.path.name.removesuffix('.latents.safetensors')}.steps.safetensors")


def kept_in(
    folder: Path,
    engine: Engine,
    portrait: Portrait,
    audio: AudioClip,
    settings: Settings,
    mask: NDArray[np.uint8] | None = None,
) -> Kept:
    """Latents in `folder`, named after all that they are made from: the same again goes on by itself, anything else starts anew."""
    made_by = {**origin_of(engine, portrait, audio, settings, mask), "program": __version__}
    name = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:16]
    return Kept(folder / f"{name}.latents.safetensors", resume=True, required=False)


def sampled(
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
    if kept is None:
        return engine.sample(conditioning, settings, progress), None
    steps = StepFile(kept.steps, origin, kept.resume, kept.required)
    with _told_where(steps):
        latents = engine.sample_in_steps(conditioning, settings, steps, progress)
    try:
        save_latents(latents, kept.path, origin)
    except OutputError as error:  # the clip may still fit where its latents do not
        log.warning("What was sampled is not kept, a failure from here on would lose it: %s", error)
        kept = None
    steps.remove()  # not where saving was interrupted: they are all that is left then
    return latents, kept


@contextmanager
def _told_where(steps: StepFile) -> Iterator[None]:
    """Say where finished steps are when sampling does not come to its end."""
    try:
        yield
    except BaseException:
        if steps.path.exists():
            log.warning(
                "The finished steps are kept in %s; resume, or run the same again, to go on from there.", steps.path
            )
        raise


@contextmanager
def kept_until_done(kept: Kept | None) -> Iterator[None]:
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


def origin_of(
    engine: Engine, portrait: Portrait, audio: AudioClip, settings: Settings, mask: NDArray[np.uint8] | None
) -> dict[str, Any]:
    """All that latents depend on, by name."""
    parts = {
        "engine": engine.name,
        **engine.identity,
        "picture": portrait.digest,
        "face box": list(portrait.face_box),
        "mask": None if mask is None else hashlib.sha256(mask.tobytes()).hexdigest(),
        "recording": audio_digest(audio),
        "settings": asdict(settings),
    }
    return json.loads(json.dumps(parts))
