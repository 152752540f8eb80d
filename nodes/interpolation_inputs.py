"""Frame rates on nodes, and RIFE's weights in ComfyUI's folders."""

from __future__ import annotations

from ..sonic_core.between.clip_interpolation import interpolator
from ..sonic_core.between.flownet import FLOWNET
from ..sonic_core.between.interpolation import MAX_FPS, Between, FrameRate
from ..sonic_core.engines.base import Engine
from ..sonic_core.frames import Frame
from . import host
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


def frame_rate(output_fps: float, model: Engine) -> FrameRate | None:
    """The rate that is asked for; RIFE is loaded for an engine whose frames are interpolated, and not for one that draws any moment."""
    if output_fps == ENGINES_OWN:
        return None
    made_between = output_fps != model.fps and not hasattr(model, "at_rate")
    return FrameRate(output_fps, interpolator_named("auto" if made_between else "flow"))


def interpolator_named(method: str) -> Between[Frame]:
    """RIFE from the models folders, or optical flow."""
    flownet = next((path for place in FLOWNET.places if (path := host.model_path(place))), None)
    return interpolator(method, [host.models_folder()], host.torch_device(), flownet)
