"""TemporalSmooth: less flicker between frames."""

from __future__ import annotations

from torch import Tensor

from ..sonic_core.smoothing import methods as smoothing
from . import host
from .convert import frames_from_images, images_from_frames
from .host import io
from .told import told_errors

ANY_FPS = 25.0  # smoothing counts frames, not seconds


class TemporalSmooth(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicTemporalSmooth",
            display_name="Temporal Smooth",
            category="Sonic/post",
            description="Calms flicker between frames, evens the steps between decoded chunks and leaves lips and eyelids as they are.",
            inputs=[
                io.Image.Input("images", tooltip="Frames in order."),
                io.Combo.Input(
                    "method",
                    options=list(smoothing.METHODS),
                    default="flow_ema",
                    tooltip="flow_ema = average over time along the motion, for a head that moves; ema = in place only, twice as fast; "
                    "both even brightness and colour and spare lips and lids; median3 = remove single-frame flashes; none = off.",
                ),
                io.Float.Input(
                    "strength", default=0.5, min=0.0, max=1.0, step=0.05, tooltip="0 = off, 1 = as calm as possible."
                ),
            ],
            outputs=[io.Image.Output(display_name="images", tooltip="The calmer frames.")],
            **host.newer_keywords(search_aliases=["smooth", "deflicker", "flicker", "stabilize", "平滑", "去闪烁"]),
        )

    @classmethod
    @told_errors
    def execute(cls, images: Tensor, method: str, strength: float) -> io.NodeOutput:
        if strength == 0:
            return io.NodeOutput(images)
        smooth = smoothing.METHODS[method](frames_from_images(images, ANY_FPS), strength)
        return io.NodeOutput(images_from_frames(smooth, host.progress({"smoothing": 1}), "smoothing"))
