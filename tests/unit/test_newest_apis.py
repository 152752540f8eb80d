"""The check of the newest releases sees what is gone from a library, and only that."""

import importlib.util
import sys
from pathlib import Path

import pytest

PLACE = Path(__file__).parents[2] / "tools" / "check_newest_apis.py"


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(PLACE.parent))  # where a script finds what stands beside it
    spec = importlib.util.spec_from_file_location("check_newest_apis", PLACE)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]
    sys.path.remove(str(PLACE.parent))


PYAV = {
    "av": "from av.container import open\nfrom av.error import *\nfrom av.audio.resampler import AudioResampler\n",
    "av.container": "from .core import open\nfrom .output import OutputContainer\n",
    "av.container.core": "class Container:\n    def close(self): ...\ndef open(file, mode=None, options=None): ...\n",
    "av.container.output": (
        "from .core import Container\nclass OutputContainer(Container):\n    def add_stream(self, name, rate=None): ...\n"
    ),
    "av.error": "class FFmpegError(Exception): ...\n",
    "av.audio": "",
    "av.audio.resampler": "class AudioResampler:\n    def __init__(self, format=None, rate=None): ...\n",
}


@pytest.mark.parametrize(
    ("ours", "complaint"),
    [
        ("import av\nav.open('a', options={})", ""),
        ("import av\nav.open('a', metadata_errors='ignore')", "a.py:2: av.open of av 19 does not take metadata_errors"),
        ("import av\nav.AudioResampler(format='s16', rate=1)", ""),
        ("import av\nav.AudioResampler(layout='mono')", "a.py:2: av.AudioResampler of av 19 does not take layout"),
        ("import av\ntry: pass\nexcept av.FFmpegError: pass", ""),
        ("import av\ntry: pass\nexcept av.AVError: pass", "a.py:3: av.AVError is not in av 19"),
        ("from av.container import OutputContainer", ""),
        ("from av.container import InputContainer", "a.py:1: av.container.InputContainer is not in av 19"),
        ("import av\ndef f(out): out.add_stream('aac', rate=1)", ""),
        (
            "import av\ndef f(out): out.add_stream('aac', layout=1)",
            "OutputContainer.add_stream of av 19 does not take layout",
        ),
    ],
)
def test_a_name_or_keyword_that_is_gone_is_told_with_its_place(tool, ours, complaint):
    uses = set(tool.uses_in(Path("a.py"), ours))
    lines = tool.complaints(uses, {"av": tool.Wheel(PYAV)}, {"av": "av 19"})
    assert complaint in lines[0] if complaint else lines == [], lines


def test_a_class_that_a_package_imports_when_asked_is_found(tool):
    lazy = {
        "transformers": "_import_structure = {'models.w': ['Model']}\nx = _LazyModule(_import_structure)\n",
        "transformers.models.w": "class Base:\n    @classmethod\n    def from_pretrained(cls, path, **kw): ...\nclass Model(Base): ...\n",
    }
    ours = "from transformers import Model, Gone\nModel.from_pretrained('a', local_files_only=True)"
    lines = tool.complaints(
        set(tool.uses_in(Path("a.py"), ours)), {"transformers": tool.Wheel(lazy)}, {"transformers": "transformers 6"}
    )
    assert lines == ["a.py:1: transformers.Gone is not in transformers 6"]


def test_everything_that_is_watched_is_used_by_the_package(tool):
    libraries = {use.name.partition(".")[0] for use in tool.our_uses()}
    assert libraries == set(tool.DISTRIBUTIONS)


def test_without_a_registry_it_says_so_and_passes(tool, monkeypatch, capsys):
    monkeypatch.setattr(tool, "download", lambda folder: "Connection refused")
    assert tool.main() == 0
    assert "cannot be reached" in capsys.readouterr().out


def test_functions_of_other_libraries_are_no_methods_of_pyav(tool):
    text = "import av\nfrom PIL import Image\nImage.open('a', formats=['PNG'])\nencoder.open(strict=False)\n"
    places = {use.place for use in tool.uses_in(Path("a.py"), text) if use.keywords}
    assert places == {"a.py:4"}
