"""What `sonic_core` exports: complete, documented, and all that the reference shows."""

import inspect
import re
from pathlib import Path

import pytest

import sonic_core

ROOT = Path(__file__).parents[2]


def undocumented(name, item):
    """Dotted names of it and of its public methods and properties that have no docstring of their own."""
    if not (item.__doc__ or "").strip() or item.__doc__.startswith(f"{item.__name__}("):  # as dataclasses write it
        yield name
    if inspect.isclass(item):
        for member, value in vars(item).items():
            part = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if not member.startswith("_") and inspect.isfunction(part) and not inspect.getdoc(getattr(item, member)):
                yield f"{name}.{member}"


@pytest.mark.parametrize("name", sonic_core.__all__)
def test_every_public_name_is_documented(name):
    assert list(undocumented(name, getattr(sonic_core, name))) == []


def test_types_know_the_names_that_are_loaded_when_used():
    imports = re.search(r"^if TYPE_CHECKING:\n((?:    .+\n)+)", (ROOT / "sonic_core/__init__.py").read_text(), re.M)[1]
    named = [name for line in imports.splitlines() for name in line.partition(" import ")[2].split(", ")]
    assert sorted(named) == sorted(sonic_core.__all__) == sorted(sonic_core._HOME)


def test_the_reference_shows_these_names_alone(tmp_path):
    pytest.importorskip("pdoc", reason="pdoc is not installed (extra docs)")
    from tools.reference import write

    page = write(tmp_path).read_text(encoding="utf-8")
    assert set(re.findall(r'<section id="(\w+)">', page)) == set(sonic_core.__all__)
    assert "frames are rendered, encoded and forgotten one at a time" in page  # the words of `generate`
    assert [path.name for path in tmp_path.rglob("*.html") if path.name != "index.html"] == ["sonic_core.html"]
