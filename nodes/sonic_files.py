"""What the loader node asks for the sonic engine: its checkpoints in ComfyUI's folders, precision and preset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..sonic_core.engines.sonic.presets import PRESETS
from ..sonic_core.models.manifest import SONIC_FILES
from . import host
from .host import advanced, io

AUTO = "auto"
PRECISIONS = (AUTO, "fp16", "bf16", "fp32")


def sonic_inputs() -> list[io.Input]:
    """Optional, so that graphs made for the lite engine alone still run."""
    return [
        io.Combo.Input(
            "unet",
            options=[AUTO, *host.model_files(host.MODEL_FOLDER)],
            default=AUTO,
            optional=True,
            tooltip="Engine sonic: its UNet, in models/sonic; auto = unet.safetensors or unet.pth.",
        ),
        io.Combo.Input(
            "svd",
            options=[AUTO, *host.model_files("checkpoints")],
            default=AUTO,
            optional=True,
            tooltip="Engine sonic: Stable Video Diffusion XT, in models/checkpoints; auto = svd_xt.safetensors.",
        ),
        io.Combo.Input(
            "preset",
            options=list(PRESETS),
            default="exact",
            optional=True,
            tooltip="Engine sonic: "
            + "; ".join(f"{preset.name} = {preset.summary}" for preset in PRESETS.values())
            + ".",
        ),
        advanced(
            io.Combo.Input(
                "precision",
                options=list(PRECISIONS),
                default=AUTO,
                optional=True,
                tooltip="Engine sonic: number format of the large networks; auto = fp16 on a GPU, fp32 on a CPU.",
            )
        ),
        advanced(
            io.Boolean.Input(
                "fp8",
                default=False,
                optional=True,
                tooltip="Engine sonic: keep the UNet's weights in 8 bits, half the memory. "
                "Without it that is done where nothing else makes a clip fit.",
            )
        ),
        advanced(
            io.Boolean.Input(
                "compile",
                default=False,
                optional=True,
                tooltip="Engine sonic: compile the UNet first; pays on a GPU for clips of more than a minute.",
            )
        ),
    ]


def sonic_options(
    unet: str = AUTO,
    svd: str = AUTO,
    preset: str = "exact",
    precision: str = AUTO,
    fp8: bool = False,
    compile: bool = False,
) -> dict[str, Any]:
    """Arguments of the sonic engine: every file that ComfyUI's folders hold, what the user chose first.

    A published name that was chosen and is not there stands for the same weights under another published name; where there are none,
    the engine lists them with all that is missing.
    """
    chosen: dict[str, Path] = {}
    for file in SONIC_FILES:
        found = next((path for place in file.places if (path := host.model_path(place))), None)
        if found is not None:
            chosen[file.key] = found
    published = {place for file in SONIC_FILES for place in file.places}
    for key, folder, name in (("unet", host.MODEL_FOLDER, unet), ("svd", "checkpoints", svd)):
        place = f"{folder}/{name}"
        if name != AUTO and (place not in published or host.model_path(place)):
            chosen[key] = host.chosen_model(folder, name)
    return {
        "folders": [host.models_folder()],
        "chosen": chosen,
        "preset": preset,
        "precision": None if precision == AUTO else precision,
        "fp8": fp8,
        "compile": compile,
        "device": host.torch_device(),
    }
