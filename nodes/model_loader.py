"""ModelLoader: the engine that makes the video."""

from __future__ import annotations

from typing import Any

from ..sonic_core.engines.registry import ENGINES, load_engine
from . import host
from .host import io
from .sonic_files import AUTO, sonic_inputs, sonic_options


class ModelLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicModelLoader",
            display_name="Sonic Model Loader",
            category="Sonic",
            description=(
                "Chooses the engine. lite is bundled: it needs no download and no GPU. "
                "sonic is the published diffusion model: the best picture, with weights of its own and a GPU."
            ),
            inputs=[
                io.Combo.Input(
                    "engine",
                    options=list(ENGINES),
                    default="lite",
                    tooltip=(
                        "lite = bundled, real time on a CPU: warps and relights the picture itself; "
                        "sonic = the published model: draws every frame anew, needs its weights and a GPU."
                    ),
                ),
                *sonic_inputs(),
            ],
            outputs=[
                host.SonicModel.Output(
                    display_name="model", tooltip="Connect it to every Sonic node with a model input."
                )
            ],
            **host.newer_keywords(
                search_aliases=["sonic", "lip sync", "talking head", "digital human", "数字人", "对口型"],
            ),
        )

    @classmethod
    def validate_inputs(cls, unet: str = AUTO, svd: str = AUTO) -> bool:
        """Take names that are not in the lists: lite needs none of them, and sonic lists all that is missing at once."""
        return True

    @classmethod
    def execute(cls, engine: str, **choices: Any) -> io.NodeOutput:
        options = sonic_options(**choices) if engine == "sonic" else {}
        return io.NodeOutput(load_engine(engine, **options))
