"""The whole way from a picture and a recording to an mp4, for any engine: prepare, sample, decode, write."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .audio.clip import AudioClip
from .audio.loading import load_audio
from .between.interpolation import Between, interpolated
from .between.interpolators import INTERPOLATORS
from .engines.base import Conditioning, Engine, Latents, Origin
from .engines.declaration import DEVICE, FOLDERS, RUNTIME
from .engines.registry import load_engine
from .errors import SettingsError
from .frames import Frame, FrameStream
from .job import Job
from .keeping import Kept, kept_until_done, origin_of, sampled
from .media.c2pa_signing import check_signing, sign
from .media.provenance import audio_digest
from .media.visible_label import with_visible_label
from .media.writer import check_output, write_video
from .portrait.choosing import choose_portrait
from .portrait.portrait import Portrait
from .progress import Progress, ignore
from .runtime.network import TORCH
from .settings import Settings
from .threads import one_thread
from .transparency import Ground, ground_for, laid_over

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """What a job names, in memory, so that several jobs can share it.

    mask: the user's, uint8 [H, W] over the portrait's picture.  between: makes frames between the engine's; None = as the job says.
    background: a picture, RGB uint8 [h, w, 3] of any size, for behind a picture with transparent parts; None = as the job says.
    """

    engine: Engine
    portrait: Portrait
    audio: AudioClip
    mask: NDArray[np.uint8] | None = None
    between: Between[Frame] | None = None
    background: NDArray[np.uint8] | None = None


def load(job: Job, progress: Progress = ignore) -> Loaded:
    """Read and load what `job` names: engine, recording, picture.

    Raises SettingsError where it names no picture or no recording, and the errors of the three.
    """
    for name, path in (("picture", job.picture), ("recording", job.recording)):
        if path is None:
            raise SettingsError(f"The job names no {name}. Give its file, or hand over what is in memory as `loaded`.")
    engine = load_engine(job.engine, **job.options)
    audio = load_audio(cast(Path, job.recording), trim_silence=job.trim_silence)
    with one_thread():
        portrait, mask = portrait_for(job, progress)
    return Loaded(engine, portrait, audio, mask)


def portrait_for(job: Job, progress: Progress = ignore) -> tuple[Portrait, NDArray[np.uint8] | None]:
    """The portrait of a job, and the user's mask if there is one."""
    face = job.face
    return choose_portrait(
        cast(Path, job.picture),
        job.settings.face_index,
        face.box,
        face.mask,
        face.whole_image,
        progress,
        frame=job.picture_frame,
        runtime=job.options.get(RUNTIME) or TORCH,
        folders=job.options.get(FOLDERS),
    )


@dataclass(frozen=True)
class Generated:
    """A finished clip: where it is, its length in frames and seconds, what was adjusted on the way, and what it does not do (well)."""

    path: Path
    frames: int
    duration: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def generate(
    job: Job, loaded: Loaded | None = None, progress: Progress = ignore, kept: Kept | None = None
) -> Generated:
    """Make the video of `job`; frames are rendered, encoded and forgotten one at a time.

    loaded: what the job names, where it is in memory already.  kept: for engines whose sampling takes long.
    The file always tells how it was made (media/provenance.py).  Raises the package's errors (errors.py) and whatever `progress` raises;
    neither leaves a half-written file.
    """
    if job.output is None:
        raise SettingsError("The job names no output. Give the file to make.")
    labels, settings = job.labels, job.settings
    if labels.signing:
        check_signing(labels.signing, job.output)
    check_output(job.output)
    loaded = loaded or load(job, progress)
    engine, portrait, audio, mask = loaded.engine, loaded.portrait, loaded.audio, loaded.mask
    if engine.name != job.engine:
        raise SettingsError(f"The job is for the engine {job.engine!r}, but {engine.name!r} is loaded. Use the same.")
    between = _between(job, loaded)
    ground = ground_for(
        portrait,
        job.background,
        engine.declaration,
        job.output,
        job.encoding,
        between is not None,
        loaded.background,
    )
    origin_digest = portrait.digest
    if not engine.declaration.keeps_alpha:
        portrait = laid_over(portrait, ground.behind)
    with _threads_for(engine, between):
        conditioning = engine.prepare(portrait, audio, settings, progress, mask)
        conditioning = replace(conditioning, origin=Origin(origin_digest, audio_digest(audio)))
        warnings = (*_without_effect(engine, job, between), *conditioning.warnings)
        for warning in warnings:  # before the long work: somebody may want to stop it
            log.warning("%s", warning)
        origin = origin_of(engine, portrait, audio, settings, mask) if kept else {}
        latents, kept = sampled(engine, conditioning, settings, kept, origin, progress)
        provenance = job.provenance(conditioning.origin)
        with kept_until_done(kept):
            frames = _frames(engine, conditioning, latents, job, between, progress, ground)
            frames = with_visible_label(frames, labels.visible)
            path = write_video(
                frames,
                conditioning.audio,
                job.output,
                job.encoding,
                {**job.tags, **provenance.tags()},
                job.overwrite,
                progress,
                finish=partial(sign, signing=labels.signing, title=job.output.name) if labels.signing else None,
            )
    return Generated(path, len(frames), frames.duration, ground.notes + conditioning.notes, warnings)


def _without_effect(engine: Engine, job: Job, between: Between[Frame] | None) -> tuple[str, ...]:
    """Warnings that name what was changed and does nothing: in this engine, or at its own frame rate."""
    changed = [item.name for item in fields(Settings) if getattr(job.settings, item.name) != item.default]
    names, told = engine.declaration.without_effect(changed), []
    if job.interpolation != INTERPOLATORS[0] and between is None:
        if engine.declaration.draws_any_moment:
            names += ("interpolation",)
        else:
            told.append(
                f"Without effect at the engine's own {engine.fps:g} fps: interpolation. Give output_fps, or leave it out."
            )
    if names:
        told.append(
            f"Without effect in the {engine.name} engine: {', '.join(names)}. Leave it out, or choose another engine."
        )
    return tuple(told)


def _threads_for(engine: Engine, between: Between[Frame] | None) -> AbstractContextManager[None]:
    """One thread for engines of small networks, unless a network between their frames can use more."""
    return one_thread() if engine.declaration.cheap_trial and between is None else nullcontext()


def _between(job: Job, loaded: Loaded) -> Between[Frame] | None:
    """What makes frames between the engine's, loaded before the long work; None where none are needed."""
    engine = loaded.engine
    if job.output_fps in (None, engine.fps) or engine.declaration.draws_any_moment:
        return None
    if loaded.between:
        return loaded.between
    from .between.clip_interpolation import interpolator

    device = job.options.get(DEVICE) or "cpu"
    return interpolator(job.interpolation, job.options.get(FOLDERS), device)


def _frames(
    engine: Engine,
    conditioning: Conditioning,
    latents: Latents,
    job: Job,
    between: Between[Frame] | None,
    progress: Progress,
    ground: Ground,
) -> FrameStream:
    """The decoded frames on their ground, smoothed; at another rate drawn so where the engine can draw any moment, otherwise made between
    its frames."""
    fps, seconds = job.output_fps, conditioning.audio.duration
    if fps not in (None, engine.fps) and between is None:
        latents = engine.at_rate(latents, fps, conditioning.audio.frame_count(fps))
    frames = engine.decode(conditioning, latents, progress)
    if not ground.kept:
        frames = frames.over(ground.behind)
    frames = frames.with_colours(job.smoothing)
    if fps is None or between is None:
        return frames
    return interpolated(frames, fps, between, seconds)
