"""Messages in the user's language: everything is said in English inside, and translated where a person reads it.

A catalogue names the English sentence as it stands in the source, with {} for each value, and the translation with {0}, {1} ... for the
values in that order.  So logs, JSON and exceptions stay English, and no code that raises knows of languages.
"""

from __future__ import annotations

import json
import locale
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "zh")
_FOLDER = Path(__file__).parent
DEEPEST = 4
"""Sentences within sentences that are translated; ours are within two at most."""


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
    """parts: the English sentence around its values.  words: the translation.  several_lines: whether the sentence itself has any."""

    parts: tuple[str, ...]
    words: str
    several_lines: bool

    @property
    def letters(self) -> int:
        return sum(map(len, self.parts))

    def values(self, text: str) -> list[str] | None:
        """What stands in the places of {}, each as short as can be; None for another text.  One pass: texts may be long."""
        first, last = self.parts[0], self.parts[-1]
        if len(self.parts) == 1:
            return [] if text == first else None
        end = len(text) - len(last)
        if not text.startswith(first) or not text.endswith(last) or end < len(first):
            return None
        if "\n" in text and not self.several_lines:
            return None  # a sentence of one line is never found across several
        values, at = [], len(first)
        for part in self.parts[1:-1]:
            found = text.find(part, at, end)
            if found < 0:
                return None
            values.append(text[at:found])
            at = found + len(part)
        return [*values, text[at:end]]


@cache
def _entries(language: str) -> tuple[_Entry, ...]:
    """Those with most letters of their own first: they fit best."""
    table: dict[str, str] = json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    entries = [_Entry(tuple(english.split("{}")), words, "\n" in english) for english, words in table.items()]
    return tuple(sorted(entries, key=lambda entry: -entry.letters))


def _sentence(text: str, language: str, depth: int = 0) -> str | None:
    said = text.lstrip()
    indent = text[: len(text) - len(said)]
    if depth > DEEPEST:
        return None
    for entry in _entries(language):
        if (values := entry.values(said)) is not None:
            inner = [_sentence(value, language, depth + 1) or value if value else "" for value in values]
            return indent + entry.words.format(*inner)
    return None
