"""How long a clip will take on this machine, found by doing a little of it."""

from __future__ import annotations

import time
from dataclasses import replace

from ..sonic_core.engines.base import Conditioning, Engine
from ..sonic_core.progress import Progress, ignore

TRIAL_FRAMES = 12
MIN_FRAMES = 50  # under two seconds a trial would be a large part of the work


def estimated_seconds(model: Engine, conditioning: Conditioning, progress: Progress = ignore) -> float | None:
    """Seconds for sampling and drawing, scaled up from the first `TRIAL_FRAMES`; None where trying costs as much as doing."""
    if not model.cheap_trial or conditioning.frame_count < MIN_FRAMES:
        return None
    samples = conditioning.audio.samples[:, : round(TRIAL_FRAMES / conditioning.fps * conditioning.audio.rate)]
    whole_picture = replace(conditioning.settings, duration=0.0, framing="full")  # the portrait is framed already
    part = model.prepare(conditioning.portrait, conditioning.audio.with_samples(samples), whole_picture, progress)
    started = time.perf_counter()
    latents = model.sample(part, part.settings, progress)
    sampled = time.perf_counter()
    frames = iter(model.decode(part, latents, progress))
    next(frames)
    prepared = time.perf_counter()
    drawn = sum(1 for _ in frames)
    finished = time.perf_counter()
    per_frame = (sampled - started) / TRIAL_FRAMES + (finished - prepared) / drawn
    return prepared - sampled + per_frame * conditioning.frame_count
