"""The repository's promises about itself: commands in step, requirements in step, languages in step."""

import re
import sys
from pathlib import Path

import pytest

from sonic_core.version import __version__

ROOT = Path(__file__).parents[2]


def test_ci_runs_the_test_command_of_the_readme():
    (command,) = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.endswith("-m pytest")]
    for readme in ("README.md", "README.zh.md"):
        assert command in (ROOT / readme).read_text(encoding="utf-8")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_requirements_equal_the_project_dependencies():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (ROOT / "requirements.txt").read_text().split("\n")[:-1] == project["dependencies"]


def test_the_version_is_one():
    named = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.M)
    assert named[1] == __version__


def test_nothing_pins_torch():
    requirements = (ROOT / "requirements.txt").read_text()
    assert re.search(r"^torch>=", requirements, re.M)
    assert "==" not in requirements.replace("python_version >=", "")
