"""Tests in a real ComfyUI: set COMFYUI_PATH to a checkout whose requirements are installed (COMFYUI_PYTHON: its interpreter)."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from comfy_server import ROOT, SAMPLES, TEMPLATE_FILES, Comfy, server

sys.path.append(str(ROOT / "tests" / "comfy"))  # graph.py: editor workflows as prompts


@pytest.fixture(scope="session")
def checkout() -> Path:
    path = os.environ.get("COMFYUI_PATH")
    if not path:
        pytest.skip("COMFYUI_PATH is not set: no ComfyUI to test in")
    pytest.importorskip("websocket", reason="websocket-client is not installed")
    return Path(path)


@pytest.fixture(scope="session")
def base(checkout, tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("comfyui")


@pytest.fixture(scope="session")
def url(checkout, base):
    shutil.copytree(Path(__file__).with_name("foreign_pack"), base / "custom_nodes" / "foreign_pack")
    with server(checkout, base) as address:
        samples = [SAMPLES / name for name in ("portrait.png", "speech.wav")]
        for path in [*samples, *(ROOT / "web" / "samples" / name for name in TEMPLATE_FILES)]:
            shutil.copy(path, base / "input")
        yield address


@pytest.fixture
def comfy(url, base):
    client = Comfy(url, base)
    yield client
    client.close()
