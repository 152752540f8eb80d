"""What a clip will cost: told before it is made, or instead of making it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError
from .engine_options import mode_options, searched_folders
from .portrait_options import portrait_from

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..audio.clip import AudioClip
    from ..engines.base import Engine
    from ..portrait.portrait import Portrait
    from ..settings import Settings
    from .console import Console


def tell_estimate(
    image: Path, audio: AudioClip, args: argparse.Namespace, settings: Settings, console: Console
) -> dict[str, Any]:
    """Work, memory and time of a clip on this machine; no weights are loaded, and none need be there."""
    from ..engines.registry import engine_class

    engine = engine_class(args.engine)
    if engine.cheap_trial:
        raise SettingsError(
            f"--estimate is for engines whose sampling takes long; {engine.name} is done in no time. Leave it out."
        )
    from ..engines.sonic.estimating import Mode, estimate_clip, sizes_without_loading
    from ..runtime.devices import free_memory

    options = mode_options(args)
    options.pop("compile", None)
    mode = Mode.of(**options)
    portrait, mask = portrait_from(image, args, engine, settings, console)
    sizes = sizes_without_loading(searched_folders(args.models_folder), None, mode.dtype)
    estimate = estimate_clip(portrait, audio, settings, mask, mode, sizes, free_memory(mode.device))
    for note in estimate.notes:
        console.say(f"Note:    {note}")
    console.say(f"Estimate: {estimate.described()}")
    return {
        "frames": estimate.frame_count,
        "steps": estimate.work.steps,
        "unet_passes": estimate.work.passes,
        "tflop": round(estimate.work.flops / 1e12, 1),
        "peak_gib": round(estimate.work.plan.peak / 2**30, 2),
        "plan": estimate.work.plan.described(),
        "seconds": round(estimate.seconds, 1),
        "engine": engine.name,
        "notes": list(estimate.notes),
    }


def tell_plan(
    engine: Engine,
    portrait: Portrait,
    audio: AudioClip,
    settings: Settings,
    mask: NDArray[np.uint8] | None,
    console: Console,
) -> None:
    """How an engine whose sampling takes long will go about a clip, before it begins."""
    if cost := getattr(engine, "expected_cost", None):
        console.say(f"Plan:    {cost(portrait, audio, settings, mask).described()}")
