"""Frame rates on nodes, and RIFE's weights in ComfyUI's folders."""

from __future__ import annotations

from ..sonic_core.between.clip_interpolation import interpolator
from ..sonic_core.between.flownet_file import FLOWNET, SHARED
from ..sonic_core.between.interpolation import Between
from ..sonic_core.between.interpolators import MAX_FPS
from ..sonic_core.engines.base import Engine
from ..sonic_core.frames import Frame
from . import host
from .engine_inputs import weights_file
from .host import advanced, io

ENGINES_OWN = 0.0


def rate_input() -> io.Input:
    return advanced(
        io.Float.Input(
            "output_fps",
            default=ENGINES_OWN,
            min=0.0,
            max=MAX_FPS,
            step=0.01,
            optional=True,
            tooltip="Frames per second of the video, with new frames between the engine's; 0 = the engine's own, 25.",
        )
    )


def between_for(output_fps: float | None, model: Engine) -> Between[Frame] | None:
    """What makes frames between the engine's; None where it draws any moment itself, or nothing has to be made.

    output_fps: None = the engine's own.
    """
    if output_fps in (None, model.fps) or model.declaration.draws_any_moment:
        return None
    return interpolator_named("auto")


def interpolator_named(method: str) -> Between[Frame]:
    """RIFE from the models folders, or optical flow."""
    return interpolator(
        method, [host.models_folder()], host.torch_device(), weights_file(FLOWNET), host.folders_of(SHARED.name)
    )
