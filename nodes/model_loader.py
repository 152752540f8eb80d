"""ModelLoader: the engine that makes the video."""

from __future__ import annotations

from typing import Any

from ..sonic_core.engines.registry import DEFAULT_ENGINE, ENGINES, declaration, declarations, load_engine
from ..sonic_core.errors import ModelMissingError, SettingsError
from . import host
from .download import missing
from .engine_inputs import AUTO, chosen_options, engine_inputs
from .host import io
from .idle import idle_options
from .shown import text_shown
from .told import told, told_errors


class ModelLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SonicModelLoader",
            display_name="Sonic Model Loader",
            category="Sonic",
            description=" ".join(
                ("Chooses the engine.", *(f"{engine.name} is {engine.about}." for engine in declarations()))
            ),
            inputs=[
                io.Combo.Input(
                    "engine",
                    options=list(ENGINES),
                    default=DEFAULT_ENGINE,
                    tooltip="; ".join(f"{engine.name} = {engine.picture}" for engine in declarations()) + ".",
                ),
                *engine_inputs(),
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
    def validate_inputs(cls, **choices: Any) -> bool | str:
        """Take names of files that are not in the lists: an engine without files needs none, another lists all that is missing at once."""
        engine = choices.get("engine")
        if engine is None:  # connected: known when the graph runs
            return True
        try:
            its = declaration(engine)
            offered = {option.name for option in its.options if option.offered}
            its.checked_options({name: value for name, value in choices.items() if name in offered and value != AUTO})
        except SettingsError as error:
            return told(str(error))
        return True

    @classmethod
    @told_errors
    def execute(cls, engine: str, **choices: Any) -> io.NodeOutput:
        defaults = {item.id: getattr(item, "default", None) for item in engine_inputs()}
        idle = idle_options(declaration(engine), choices, defaults)
        try:
            made = load_engine(engine, **chosen_options(engine, choices))
            return io.NodeOutput(made, ui=text_shown(map(told, idle)))
        except ModelMissingError as error:
            raise ModelMissingError(f"{error}\n{how_to_fetch(engine)}" if missing(engine) else str(error)) from error


def how_to_fetch(engine: str) -> str:
    """Portable ComfyUI has a Python of its own, which finds no module in the folder where it is started."""
    return (
        "The node Sonic Download fetches what is missing. Or in a terminal, in portable ComfyUI's folder on Windows: "
        f"`python_embeded\\python.exe ComfyUI\\custom_nodes\\{host.PACK.name} download {engine} --models-folder ComfyUI\\models`"
    )
