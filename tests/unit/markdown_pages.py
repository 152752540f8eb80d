"""What the tests of the pages read in them: links, anchors, blocks of code, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOT_PAGES = (
    "README.md",
    "README.zh.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "MODEL_CARD.md",
    "CONTRIBUTING.md",
    "RELEASING.md",
)
PAGES = [path for path in map(ROOT.joinpath, ROOT_PAGES) if path.exists()] + sorted(
    [
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("web/docs/*.md"),
        *ROOT.glob("tests/**/README.md"),
        *ROOT.glob("examples/*.md"),
    ]
)
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)
LINK = re.compile(r"\]\(([^()\s]+)\)")
PROGRAM = re.compile(r"(?:\S*python3? -m sonic_core|\bsonic-portrait) (?=[a-z-])([^|>&#\n]*)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Target and anchor ("" = none) of every link that does not leave the repository."""
    for target in LINK.findall(prose(page)):
        if not re.match(r"[a-z]+://|mailto:", target):
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(page: Path) -> set[str]:
    """What can stand behind # in a link to the page, as GitHub makes it from headings."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower().strip()).replace(" ", "-") for title in titles}


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks in a language."""
    return [code for name, code in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def commands(page: Path) -> list[list[str]]:
    """Arguments of every call of the command line in blocks: fenced ones, and those that four spaces make."""
    text = page.read_text(encoding="utf-8")
    code = [code for name, code in FENCE.findall(text) if name != "python"]
    indented = re.findall(r"^    (\S.*)$", FENCE.sub("", text), re.M)
    found = PROGRAM.findall("\n".join([*code, *indented]))
    return [shlex.split(re.sub(r"\[[^\]]*\]", "", call)) for call in found]
