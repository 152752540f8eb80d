"""SonicInference: from sound features to motion (or picture) latents."""

from __future__ import annotations

from ..sonic_core.engines.base import Conditioning, Engine
from . import host
from .convert import check_same_engine, latent_from, with_settings
from .host import io
from .idle import idle_settings
from .setting_inputs import INFERENCE, LATER_INFERENCE, later_setting_inputs, setting_inputs
from .shown import text_shown
from .threads import threads_for
from .told import told, told_errors


class SonicInference(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicInference",
            display_name="Sonic Inference",
            category="Sonic",
            description="Turns the sound into motion of mouth, face and head. Another seed gives other blinks and nods.",
            inputs=[
                host.SonicModel.Input("model", tooltip="From Sonic Model Loader."),
                host.SonicPredata.Input("predata", tooltip="From SONIC_PreData."),
                *setting_inputs(INFERENCE),
                *later_setting_inputs(LATER_INFERENCE),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="latent", tooltip="For Latent Decode (Sonic); a core VAE cannot decode motion."
                )
            ],
            **host.newer_keywords(
                search_aliases=[
                    "sampler",
                    "lip sync",
                    "talking head",
                    "digital human",
                    "audio driven",
                    "数字人",
                    "对口型",
                ],
            ),
        )

    @classmethod
    @told_errors
    def execute(cls, model: Engine, predata: Conditioning, **settings: float) -> io.NodeOutput:
        check_same_engine(predata, model)
        conditioning = with_settings(predata, **settings)
        progress = host.progress({"sampling": 1}, preview=True)
        with threads_for(model, predata.portrait.width, predata.portrait.height):
            latents = model.sample(conditioning, conditioning.settings, progress)
        idle = idle_settings(model, conditioning.settings, settings)
        return io.NodeOutput(latent_from(latents, conditioning.settings), ui=text_shown(map(told, idle)))
