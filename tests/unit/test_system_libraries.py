"""A library that the system or the environment lacks is one sentence with its cure, wherever it is met."""

import json
import sys
import warnings
from importlib.machinery import ModuleSpec

import pytest

import sonic_core
from sonic_core import cli
from sonic_core.commands import doctor
from sonic_core.engines import registry
from sonic_core.errors import MissingLibraryError
from sonic_core.system_libraries import cure

BARE_SERVER = "libxcb.so.1: cannot open shared object file: No such file or directory"


class Unloadable:
    """A finder that answers `import cv2` as the loader of a server without X libraries does."""

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name == "cv2" else None

    def create_module(self, spec):
        raise ImportError(BARE_SERVER, name=spec.name, path="cv2.abi3.so")

    def exec_module(self, module):
        """Never reached."""


@pytest.fixture
def bare_server(monkeypatch):
    for name in list(sys.modules):
        if name == "cv2" or name.startswith(
            ("cv2.", "sonic_core.portrait", "sonic_core.engines.lite", "sonic_core.resizing")
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Unloadable(), *sys.meta_path])


def is_one_sentence_with_both_cures(text: str) -> bool:
    wanted = ("libxcb.so.1 is not installed", "apt-get install libxcb1 libgl1 libglib2.0-0", "opencv-python-headless")
    return all(words in text for words in wanted) and "\n" not in text


def test_the_library_says_what_the_server_lacks(bare_server):
    with pytest.raises(MissingLibraryError) as error:
        _ = sonic_core.load_portrait
    assert is_one_sentence_with_both_cures(str(error.value))
    with pytest.raises(MissingLibraryError, match=r"libxcb\.so\.1"):
        registry.load_engine("lite")


@pytest.mark.parametrize("command", ["demo", "sheet"])
def test_the_command_line_says_it_without_a_traceback(bare_server, tmp_path, capsys, command):
    given = ["--image", "a.png", "--output", str(tmp_path / "a.png")] if command == "sheet" else []
    assert cli.main([command, "--json", *given]) == 1
    out, err = capsys.readouterr()
    assert "Unexpected" not in err
    answer = json.loads(out.splitlines()[-1])
    assert answer["error"] == "MissingLibraryError"
    assert is_one_sentence_with_both_cures(answer["message"])


def test_doctor_names_the_cure(bare_server, capsys):
    assert cli.main(["doctor", "--json", "--quiet"]) == 1
    (problem,) = json.loads(capsys.readouterr().out.splitlines()[-1])["problems"]
    assert is_one_sentence_with_both_cures(problem)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("libgomp.so.1: cannot open shared object file: No such file or directory"), "libgomp1"),
        (
            OSError("libnever.so.3: cannot open shared object file: No such file or directory"),
            "library libnever.so.3 is not installed",
        ),
        (ImportError("DLL load failed while importing cv2: not found.", name="cv2"), "Visual C++"),
        (ModuleNotFoundError("No module named 'cv2'", name="cv2"), "opencv-python-headless"),
        (ModuleNotFoundError("No module named 'av'", name="av.container"), "pip install av"),
    ],
)
def test_each_kind_of_absence_has_its_cure(error, words):
    assert words in cure(error)


@pytest.mark.parametrize(
    "error",
    [
        ImportError("cannot import name 'x' from 'y'", name="y"),
        ModuleNotFoundError("No module named 'sonic_core.x'", name="sonic_core.x"),
        FileNotFoundError(2, "No such file or directory"),
    ],
)
def test_other_errors_are_not_explained_away(error):
    assert cure(error) is None


def test_doctor_does_not_pass_on_what_other_packages_warn_of(monkeypatch, tmp_path):
    (tmp_path / "loud_package.py").write_text(
        "import warnings\nwarnings.warn('Could not find ffmpeg', RuntimeWarning)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(doctor, "MODULES", {"loud-package": "loud_package"})
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        assert doctor.import_failures() == {}
    assert heard == []
    assert "loud_package" in sys.modules
