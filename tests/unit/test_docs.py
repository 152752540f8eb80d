"""The pages keep their word: links lead somewhere, commands and options exist, code runs, tables are complete."""

import ast
import re
from importlib import import_module
from importlib.util import find_spec

import pytest
from desk import laid
from markdown_pages import PAGES, ROOT, anchors, blocks, commands, links, name_of, prose

from sonic_core import cli
from sonic_core.commands import COMMANDS
from sonic_core.commands.console import Console
from sonic_core.settings import Settings

FOREIGN_OPTIONS = {
    "--reserve-vram",
    "--runslow",
    "--help",
    "--version",
    "--no-deps",
    "--cpu",
    "--warmth",
    "--follow-tags",
    "--disable-metadata",
}
"""Of ComfyUI, pytest, pip, git, and of the toy engine."""
CORE = ROOT / "sonic_core"
RUN_HERE = ("generate", "sheet", "inspect", "motion")
MANUALS = [page for page in PAGES if page.name not in ("MODEL_CARD.md", "CHANGELOG.md", "retraining.md")]
"""Without those that speak of the training's programs, or of earlier versions."""
IDS = [name_of(page) for page in PAGES]


@pytest.fixture(scope="module")
def parser():
    return cli.make_parser({name: import_module(f"sonic_core.commands.{name}") for name in COMMANDS}, Console(True))


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with the files that the pages speak of, small ones."""
    return laid(tmp_path_factory.mktemp("desk"))


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_and_anchors_lead_somewhere(page):
    for path, anchor in links(page):
        target = page.parent / path if path else page
        assert target.exists(), f"{path} is not there"
        if anchor:
            assert anchor in anchors(target), f"{path} has no heading for #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_are_real(page, parser):
    for arguments in commands(page):
        try:
            parser.parse_args(arguments)
        except SystemExit:
            pytest.fail(f"this is refused: {' '.join(arguments)}")


@pytest.mark.parametrize("page", MANUALS, ids=map(name_of, MANUALS))
def test_options_that_are_named_exist(page, parser):
    subparsers = next(action for action in parser._actions if isinstance(action.choices, dict)).choices
    known = {option for command in subparsers.values() for option in command._option_string_actions}
    named = set(re.findall(r"`[^`\n]*?(--[a-z0-9][a-z0-9-]+)", page.read_text(encoding="utf-8")))
    assert named - known - FOREIGN_OPTIONS == set()


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_modules_and_files_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    for module in re.findall(r"python -m ((?:tests|tools|training)[\w.]*)", text):
        assert find_spec(module), module
    if page.name != "CHANGELOG.md":
        for path in re.findall(r"`((?:sonic_core|nodes|tests|tools|training|docs|examples|web)/[a-z0-9_./-]+)`", text):
            assert (ROOT / path).exists(), path


def called(page):
    """Names that a page's Python takes from the package."""
    for code in blocks(page, "python"):
        tree = compile(code, str(page), "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("sonic_core", "tests"):
                yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_python_on_the_pages_is_python_and_its_names_exist(page):
    for module, name in called(page):
        if module.startswith("sonic_core.live."):
            assert find_spec(module)  # its package may not be installed
        else:
            assert hasattr(import_module(module), name)


def test_the_first_python_of_the_readme_and_its_manual_runs(desk, monkeypatch):
    monkeypatch.chdir(desk)
    for page in ("README.md", "docs/python.md"):
        exec(blocks(ROOT / page, "python")[0], {})  # noqa: S102 - as a reader would
    assert len(list(desk.glob("hello*.mp4"))) >= 2
    assert blocks(ROOT / "README.zh.md", "python") == blocks(ROOT / "README.md", "python")


def runnable():
    found = {tuple(call) for page in PAGES for call in commands(page) if call[0] in RUN_HERE}
    return sorted(call for call in found if not {"--engine", "--runtime", "-"} & set(call) and "me.jpg" in call)


@pytest.mark.parametrize("call", runnable(), ids=" ".join)
def test_short_commands_run(call, desk, monkeypatch):
    monkeypatch.chdir(desk)
    assert cli.main([*call, "--quiet"]) == 0


@pytest.mark.parametrize("page", ["docs/command_line.md", "docs/zh/command_line.md"])
def test_every_command_is_in_the_manual(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [name for name in COMMANDS if not re.search(rf"^\| `{name}\b", text, re.M)] == []


@pytest.mark.parametrize("page", ["docs/settings.md", "docs/zh/settings.md"])
def test_every_setting_is_in_the_manual_with_its_default(page):
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", (ROOT / page).read_text(encoding="utf-8"), re.M))
    words = {"off": "False", "关": "False"}
    told = {name: words.get(value, value) for name, value in rows.items()}
    assert told == {
        name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in vars(Settings()).items()
    }


def test_the_two_readmes_are_in_step():
    def shape(page):
        text = (ROOT / page).read_text(encoding="utf-8")
        code = re.findall(r"^```\w*$", text, re.M)
        return len(re.findall(r"^## ", text, re.M)), code, len(re.findall(r"^\d\. ", text, re.M)), text.count("\n|")

    assert shape("README.md") == shape("README.zh.md")


def imported(path):
    """Rooms and files of sonic_core that a file imports when it runs."""
    package = path.relative_to(CORE).with_suffix("").parts[:-1]
    text = re.sub(r"^if TYPE_CHECKING:\n(?:    .*\n|\n)+", "", path.read_text(encoding="utf-8"), flags=re.M)
    for dots, module, names in re.findall(r"^ *from (\.+)([\w.]*) import (.*)", text, re.M):
        base = package[: len(package) - len(dots) + 1]
        for name in [module] if module else re.findall(r"\w+", names):
            yield (*base, *name.split("."))[0]


def test_imports_run_down_the_rows_of_the_architecture():
    table = re.findall(r"^\| \d+ \| (.+?) \|", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"), re.M)
    rows = {name: row for row, names in enumerate(table) for name in re.findall(r"`(\w+)`", names)}
    lowest = len(table) - 1
    assert [name for name in rows if not (CORE / name).exists() and not (CORE / f"{name}.py").exists()] == []
    wrong = []
    for path in CORE.rglob("*.py"):
        room = path.relative_to(CORE).with_suffix("").parts[0]
        if room.startswith("__"):
            continue
        for other in set(imported(path)) - {room}:
            here, there = rows.get(room, lowest), rows.get(other, lowest)
            if there <= here and not here == there == lowest:
                wrong.append(f"{path.relative_to(CORE)} imports {other}")
    assert wrong == []


def test_no_page_repeats_another():
    told = {}
    for page in MANUALS:
        if "zh" not in name_of(page) and not name_of(page).startswith("web/"):
            for sentence in re.split(r"(?<=[.:;|])\s+|\n", prose(page)):
                if len(sentence.strip(" |*-")) > 60:
                    told.setdefault(sentence.strip(" |*-"), set()).add(name_of(page))
    assert {sentence: pages for sentence, pages in told.items() if len(pages) > 1} == {}
