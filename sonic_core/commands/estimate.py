"""What a clip will cost: told before it is made, or instead of making it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import SettingsError

if TYPE_CHECKING:
    from ..job import Job
    from ..pipeline import Loaded
    from .console import Console


def tell_estimate(job: Job, console: Console) -> dict[str, Any]:
    """Work, memory and time of a clip on this machine; no weights are loaded, and none need be there."""
    from ..audio.loading import load_audio
    from ..engines.registry import engine_class
    from ..pipeline import portrait_for

    audio = load_audio(cast(Path, job.recording), trim_silence=job.trim_silence)
    portrait, mask = portrait_for(job, console)
    cost = engine_class(job.engine).cost_without_weights(job.options, portrait, audio, job.settings, mask)
    if cost is None:
        raise SettingsError(f"The {job.engine} engine cannot tell its cost before it is loaded. Leave --estimate out.")
    for note in cost.notes:
        console.say(f"Note:    {note}")
    console.say(f"Estimate: {cost.described()}")
    return {**cost.figures(), "engine": job.engine, "notes": list(cost.notes)}


def tell_plan(job: Job, loaded: Loaded, console: Console) -> None:
    """How an engine whose sampling takes long will go about a clip, before it begins; the bar is over all of it from here on."""
    cost = loaded.engine.expected_cost(loaded.portrait, loaded.audio, job.settings, loaded.mask)
    if cost is not None:
        console.say(f"Plan:    {cost.described()}")
        console.expect(cost.stages)
