"""Every sentence that a user may be shown, read from the sources: messages of our errors, notes, warnings, advice, lines of reports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOLD = (
    "nodes/report.py",
    "nodes/convert.py",
    "nodes/estimate.py",
    "nodes/lip_sync_align.py",
    "sonic_core/portrait/quality.py",
    "sonic_core/portrait/manual.py",
    "sonic_core/portrait/loading.py",
    "sonic_core/portrait/choosing.py",
    "sonic_core/audio/part.py",
    "sonic_core/audio/loading.py",
    "sonic_core/audio/fit.py",
    "sonic_core/judging/alignment.py",
    "sonic_core/judging/synchrony.py",
    "sonic_core/live/door.py",
    "sonic_core/live/server.py",
    "sonic_core/engines/lite/engine.py",
    "sonic_core/engines/lite/foreseen.py",
    "sonic_core/engines/lite/renderer/renderer.py",
)
"""Modules whose other sentences are shown as well."""
EXPECTING = ("opened", "open_media", "open_piped", "check_regular", "HeldHead")
"""Functions of `opening` whose third argument ends their errors: what was expected instead."""
TABLES = {
    "sonic_core/opening.py": ("LISTS", "OTHERS", "_NAMED"),
    "sonic_core/media/pending_file.py": ("REASONS",),
}
"""Tables of pieces of sentences: kinds of files, reasons."""
SHORTEST = 12  # letters of a sentence


def errors() -> set[str]:
    tree = ast.parse((ROOT / "sonic_core" / "errors.py").read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def template(node: ast.expr) -> str | None:
    """ "fps is {}; expected ..." of a text that is written here, None of any other expression."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        return "".join(parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [template(side) for side in (node.left, node.right)]
        return "".join(side if side is not None else "{}" for side in sides)
    return None


def sentences() -> Iterator[tuple[str, str]]:
    """Where it is written, and its template."""
    names = errors()
    for path in sorted([*(ROOT / "sonic_core").rglob("*.py"), *(ROOT / "nodes").glob("*.py")]):
        place = path.relative_to(ROOT).as_posix()
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).rpartition(".")[2] in names:
                yield from ((place, text) for text in written(node.args[0]))
            elif (
                isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) == "error"
            ):
                yield from ((place, text) for text in written(node.exc.args[0]))  # of a kind that the caller chose
            elif (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).rpartition(".")[2] in EXPECTING
                and len(node.args) == 3
            ):
                yield from ((place, text) for text in written(node.args[2]))
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("EXPECTED", *TABLES.get(place, ())):
                values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
                yield from ((place, value.value) for value in values)
        if place in TOLD:
            yield from ((place, text) for text in told(tree))


def written(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from written(node.body)
        yield from written(node.orelse)
    elif (text := template(node)) and len(text.replace("{}", "")) >= SHORTEST:
        yield text


def told(tree: ast.Module) -> Iterator[str]:
    """Texts that end like a sentence and are no docstring, no tooltip and no part of another text."""
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            skipped.add(id(node.value))
        elif isinstance(node, ast.keyword) and node.arg in {"tooltip", "description"}:
            skipped |= {id(part) for part in ast.walk(node)}
        elif isinstance(node, (ast.JoinedStr, ast.BinOp)):
            skipped |= {id(part) for part in ast.walk(node) if part is not node}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)) and id(node) not in skipped:
            text = template(node)
            if text and text.rstrip().endswith((".", ":")) and len(text.replace("{}", "")) >= SHORTEST:
                yield text
