"""FrameInterpolate: another frame rate, with new frames between the old ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..sonic_core.between.interpolation import interpolated
from ..sonic_core.between.interpolators import INTERPOLATORS, MAX_FPS, MIN_FPS
from . import host
from .convert import clip_from_audio, frames_from_images, images_from_frames
from .host import io
from .interpolation_inputs import interpolator_named
from .told import told_errors


class FrameInterpolate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicFrameInterpolate",
            display_name="Frame Interpolate (Sonic)",
            category="Sonic/post",
            description="Gives frames another rate, with new frames between the old ones. Connect its fps to Video Combine.",
            inputs=[
                io.Image.Input("images", tooltip="Frames in order."),
                io.Float.Input(
                    "fps", default=25.0, min=MIN_FPS, max=MAX_FPS, step=0.01, tooltip="The rate that they have."
                ),
                io.Float.Input(
                    "output_fps",
                    default=50.0,
                    min=MIN_FPS,
                    max=MAX_FPS,
                    step=0.01,
                    tooltip="The rate that they shall have, for example 30, 50, 60 or 29.97 (taken as 30000/1001).",
                ),
                io.Combo.Input(
                    "method",
                    options=list(INTERPOLATORS),
                    default=INTERPOLATORS[0],
                    tooltip="rife = network, needs flownet.pkl in models/sonic/RIFE (or models/frame_interpolation); "
                    "flow = optical flow, needs nothing; "
                    "auto = rife if its file is there.",
                ),
                io.Audio.Input(
                    "audio",
                    optional=True,
                    tooltip="The sound of the clip: with it the frames end with the sound, at 60 fps as exactly as at 25.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The frames at the new rate."),
                io.Float.Output(display_name="fps", tooltip="Their rate."),
            ],
            **host.newer_keywords(
                search_aliases=["interpolate", "fps", "frame rate", "RIFE", "60 fps", "插帧", "补帧"]
            ),
        )

    @classmethod
    @told_errors
    def execute(
        cls,
        images: Tensor,
        fps: float,
        output_fps: float,
        method: str = INTERPOLATORS[0],
        audio: Mapping[str, Any] | None = None,
    ) -> io.NodeOutput:
        frames = frames_from_images(images, fps)
        seconds = clip_from_audio(audio).duration if audio is not None else None
        made = interpolated(frames, output_fps, interpolator_named(method), seconds)
        if made is frames:
            return io.NodeOutput(images, output_fps)
        progress = host.progress({"interpolating": 1})
        return io.NodeOutput(images_from_frames(made, progress, "interpolating"), output_fps)
