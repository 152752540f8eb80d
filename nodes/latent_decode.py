"""LatentDecode: from latents to pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..sonic_core.engines.base import Conditioning, Engine
from . import host
from .convert import audio_from_clip, check_same_engine, images_and_masks, latents_from
from .host import io
from .threads import threads_for
from .told import told_errors
from .transparency_inputs import KEPT, WHITE, transparent_parts_input


class LatentDecode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicLatentDecode",
            display_name="Latent Decode (Sonic)",
            category="Sonic",
            description=(
                "Draws the frames. They are kept in memory as images (12 bytes per pixel and frame): "
                "for more than a minute or so use Sonic Generate, which streams."
            ),
            inputs=[
                host.SonicModel.Input("model", tooltip="From Sonic Model Loader, the same as for inference."),
                host.SonicPredata.Input("predata", tooltip="From SONIC_PreData, the same as for inference."),
                io.Latent.Input("latent", tooltip="From Sonic Inference."),
                transparent_parts_input(),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="The frames in order."),
                io.Float.Output(display_name="fps", tooltip="Their rate, frames per second."),
                io.Audio.Output(
                    display_name="audio",
                    tooltip="The recording as long as the frames (trimmed or padded if you asked for it).",
                ),
                io.Mask.Output(
                    display_name="mask",
                    tooltip="What is transparent in each frame (white), for Join Image with Alpha or Video Combine (Sonic); "
                    "one black mask where the picture has no transparency.",
                ),
            ],
            **host.newer_keywords(search_aliases=["decode", "vae decode", "lip sync", "talking head", "解码"]),
        )

    @classmethod
    @told_errors
    def execute(
        cls, model: Engine, predata: Conditioning, latent: Mapping[str, Any], transparent_parts: str = WHITE
    ) -> io.NodeOutput:
        check_same_engine(predata, model)
        progress = host.progress({"rendering": 1}, preview=True)
        with threads_for(model, predata.portrait.width, predata.portrait.height):
            frames = model.decode(predata, latents_from(latent, model), progress)
            images, masks = images_and_masks(frames, transparent_parts == KEPT, progress)
        return io.NodeOutput(images, frames.fps, audio_from_clip(predata.audio), masks)
