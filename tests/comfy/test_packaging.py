"""What the registry and a user's first start ask of the pack."""

import asyncio
import re
import sys
from importlib.machinery import ModuleSpec

import pytest
from pack_loading import ROOT

SHIPPED = [
    *(ROOT / "nodes").glob("*.py"),
    *(
        path for path in (ROOT / "sonic_core").rglob("*.py") if path.parent.name not in ("bench", "jobs")
    ),  # .comfyignore
]


class LoaderOfABareServer:
    """Answers `import cv2` as a system without libGL does."""

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name == "cv2" else None

    def create_module(self, spec):
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory", name="cv2")

    def exec_module(self, module):
        """Never reached."""


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


def test_a_missing_system_library_is_one_line_with_its_cure(pack, monkeypatch):
    prefix = f"{pack.module.__name__}."
    for name in [name for name in sys.modules if name.startswith(prefix) or name.partition(".")[0] == "cv2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [LoaderOfABareServer(), *sys.meta_path])
    with pytest.raises(ImportError) as error:
        asyncio.run(pack.module.comfy_entrypoint())
    message = str(error.value)
    assert "apt-get install libgl1" in message
    assert "opencv-python-headless" in message
    assert "\n" not in message
