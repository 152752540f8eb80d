"""How long a clip will take on this machine, found by doing a little of it."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..sonic_core.audio.clip import AudioClip
from ..sonic_core.engines.base import Engine
from ..sonic_core.portrait.portrait import Portrait
from ..sonic_core.progress import Progress, ignore
from ..sonic_core.settings import Settings

TRIAL_SECONDS = 0.48
MIN_SECONDS = 2.0  # on shorter clips a trial would be a large part of the work


def estimated_seconds(
    model: Engine, portrait: Portrait, clip: AudioClip, settings: Settings, seconds: float, progress: Progress = ignore
) -> float | None:
    """Time for sampling and drawing `seconds` of video, scaled up from the clip's first half second.

    None where trying costs as much as doing.
    """
    if not model.declaration.cheap_trial or min(seconds, clip.duration) < MIN_SECONDS:
        return None
    beginning = clip.with_samples(clip.samples[:, : round(TRIAL_SECONDS * clip.rate)])
    part = model.prepare(portrait, beginning, replace(settings, duration=0.0), progress)
    started = time.perf_counter()
    latents = model.sample(part, part.settings, progress)
    sampled = time.perf_counter()
    frames = iter(model.decode(part, latents, progress))
    next(frames)
    prepared = time.perf_counter()
    drawn = sum(1 for _ in frames)
    finished = time.perf_counter()
    per_frame = (sampled - started) / part.frame_count + (finished - prepared) / drawn
    return prepared - sampled + per_frame * seconds * part.fps


def expected_cost(
    model: Engine, portrait: Portrait, clip: AudioClip, settings: Settings, mask: NDArray[np.uint8] | None = None
) -> str | None:
    """Work, memory plan and time of an engine whose sampling takes long, counted and not tried; None for the others."""
    cost = model.expected_cost(portrait, clip, settings, mask)
    return cost.described() if cost is not None else None
