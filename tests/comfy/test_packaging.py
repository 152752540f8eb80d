"""What the registry and a user's first start ask of the pack."""

import asyncio
import re
import sys

import pytest
from pack_loading import ROOT

SHIPPED = [
    *(ROOT / "nodes").glob("*.py"),
    *(path for path in (ROOT / "sonic_core").rglob("*.py")),
]


def test_a_missing_package_is_named_in_one_line(pack, monkeypatch):
    prefix = f"{pack.module.__name__}."
    for name in [name for name in sys.modules if name.startswith(prefix)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cv2", None)  # makes `import cv2` fail
    with pytest.raises(ImportError) as error:
        asyncio.run(pack.module.comfy_entrypoint())
    message = str(error.value)
    assert "'cv2'" in message
    assert "requirements.txt" in message
    assert "\n" not in message


def test_the_pack_is_v3_only(pack):
    assert not hasattr(pack.module, "NODE_CLASS_MAPPINGS")
    assert pack.module.WEB_DIRECTORY == "./web"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_nothing_that_the_registry_forbids_is_shipped(path):
    text = path.read_text("utf-8")
    assert not re.search(r"(?<![\w.])(exec|eval|__import__)\(", text)
    assert not re.search(r"\b(import subprocess|os\.system|pip\.main)\b", text)
    assert "weights_only=False" not in text


def test_there_is_no_install_script():
    assert not (ROOT / "install.py").exists()
