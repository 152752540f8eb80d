"""Messages in the user's language: everything is said in English inside, and translated where a person reads it.

A catalogue names the English sentence as it stands in the source, with {} for each value, and the translation with {0}, {1} ... for the
values in that order.  So logs, JSON and exceptions stay English, and no code that raises knows of languages.
"""

from __future__ import annotations

import json
import locale
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "zh")
_FOLDER = Path(__file__).parent


def system_language() -> str:
    """One of `LANGUAGES`, by LC_ALL, LC_MESSAGES, LANG as programs read them, else by the system's settings."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if named := os.environ.get(variable):
            return known(named)
    return known(locale.getlocale()[0] or "en")


def known(name: str) -> str:
    """One of `LANGUAGES` for a name such as zh_CN.UTF-8, zh-TW, Chinese (Simplified)_China; English for others."""
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"


def translated(text: str, language: str) -> str:
    """The text, or each of its lines, in `language`; what the catalogue does not know stays as it is."""
    if language == "en" or not text:
        return text
    whole = _sentence(text, language)
    if whole is not None:
        return whole
    return "\n".join(_sentence(line, language) or line for line in text.split("\n"))


@dataclass(frozen=True)
class _Entry:
    pattern: re.Pattern[str]
    words: str
    letters: int


@cache
def _entries(language: str) -> tuple[_Entry, ...]:
    """Those with most letters of their own first: they fit best."""
    table: dict[str, str] = json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    entries = []
    for english, words in table.items():
        parts = english.split("{}")
        flags = re.DOTALL if "\n" in english else 0  # a sentence of one line is never found across several
        pattern = re.compile("(.*?)".join(map(re.escape, parts)), flags)
        entries.append(_Entry(pattern, words, sum(map(len, parts))))
    return tuple(sorted(entries, key=lambda entry: -entry.letters))


def _sentence(text: str, language: str) -> str | None:
    indent = text[: len(text) - len(text.lstrip())]
    for entry in _entries(language):
        if entry.letters <= len(text) and (match := entry.pattern.fullmatch(text[len(indent) :])):
            values = [_sentence(value, language) or value if value else "" for value in match.groups()]
            return indent + entry.words.format(*values)
    return None
