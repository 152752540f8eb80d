"""The modules of a wheel, read with `ast`: where a dotted name is defined, and which keywords it takes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from zipfile import ZipFile


class Wheel:
    """The modules of a wheel as source; stubs (.pyi) come before the code beside them."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources
        self.tree = cache(lambda module: ast.parse(sources[module]))
        self.packages = {module.rpartition(".")[0] for module in sources}
        self.exported = cache(self._exported)
        self.looking: set[tuple[str, str]] = set()

    @classmethod
    def read(cls, path: Path) -> Wheel:
        sources: dict[str, str] = {}
        with ZipFile(path) as archive:
            for name in sorted(archive.namelist()):  # .py, then .pyi
                if name.endswith((".py", ".pyi")):
                    module = name.rpartition(".")[0].removesuffix("/__init__").replace("/", ".")
                    sources[module] = archive.read(name).decode("utf-8", "replace")
        return cls(sources)

    def find(self, dotted: str) -> list[tuple[str, ast.AST]]:
        """The definitions of a dotted name, each with its module: one, several overloads, or none."""
        parts = dotted.split(".")
        for count in range(len(parts), 0, -1):
            module = ".".join(parts[:count])
            if module in self.sources:
                found: list[tuple[str, ast.AST]] = [(module, self.tree(module))]
                for part in parts[count:]:
                    found = [member for owner in found for member in self._member(*owner, part)]
                return found
        return []

    def accepts(self, definition: tuple[str, ast.AST], keywords: frozenset[str]) -> bool:
        """Whether a function, or the making of a class, takes these keywords; what is neither (a constant) is not judged."""
        module, node = definition
        if isinstance(node, ast.ClassDef):
            makers = [
                maker for name in ("__init__", "__cinit__", "__new__") for maker in self._member(module, node, name)
            ]
            if not makers:
                return keywords <= self._fields(module, node)
            return any(self.accepts(maker, keywords) for maker in makers)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return True
        given = node.args
        return given.kwarg is not None or keywords <= {argument.arg for argument in (*given.args, *given.kwonlyargs)}

    def _member(self, module: str, owner: ast.AST, name: str) -> list[tuple[str, ast.AST]]:
        if isinstance(owner, ast.ClassDef):
            return self._of_class(module, owner, name)
        return self._of_module(module, name) if isinstance(owner, ast.Module) else [(module, owner)]

    def _of_module(self, module: str, name: str) -> list[tuple[str, ast.AST]]:
        if (module, name) in self.looking:  # modules that import each other
            return []
        self.looking.add((module, name))
        try:
            return self._in_module(module, name)
        finally:
            self.looking.discard((module, name))

    def _in_module(self, module: str, name: str) -> list[tuple[str, ast.AST]]:
        here, stars = [], []
        for node in _statements(self.tree(module)):
            if name in _defined(node):
                here.append((module, node))
            elif isinstance(node, ast.ImportFrom):
                source = self._absolute(module, node)
                for alias in node.names:
                    if (alias.asname or alias.name) == name and source != module:
                        here += self.find(f"{source}.{alias.name}")
                    elif alias.name == "*":
                        stars.append(source)
        if not here and f"{module}.{name}" in self.sources:
            here = [(f"{module}.{name}", self.tree(f"{module}.{name}"))]
        for source in () if here else stars:
            if re.search(rf"\b{name}\b", self.sources.get(source, "")):
                here += self._of_module(source, name)
        return here or self.exported(module, name)

    def _exported(self, module: str, name: str) -> list[tuple[str, ast.AST]]:
        """A package that imports its parts when asked for them: the definition, if it or its module names it as public."""
        if "." in module or ("__getattr__" not in self.sources[module] and "_LazyModule" not in self.sources[module]):
            return []
        pattern, public = re.compile(rf"^(?:class|def) {name}\b", re.M), re.compile(rf"""["']{name}["']""")
        return [
            (place, node)
            for place, text in self.sources.items()
            if pattern.search(text) and (public.search(text) or public.search(self.sources[module]))
            for node in _statements(self.tree(place))
            if name in _defined(node)
        ]

    def _of_class(self, module: str, owner: ast.ClassDef, name: str) -> list[tuple[str, ast.AST]]:
        here = [(module, node) for node in _statements(owner) if name in _defined(node)]
        here = here or [(module, node) for node in ast.walk(owner) if _sets_on_self(node, name)]
        if here:
            return here
        return [member for base in self._bases(module, owner) for member in self._member(*base, name)]

    def _bases(self, module: str, owner: ast.ClassDef) -> list[tuple[str, ast.AST]]:
        names = [base.value if isinstance(base, ast.Subscript) else base for base in owner.bases]
        bases = [found for name in names for found in self.find(f"{module}.{ast.unparse(name)}")]
        return [(place, node) for place, node in bases if isinstance(node, ast.ClassDef) and node is not owner]

    def _fields(self, module: str, owner: ast.ClassDef) -> set[str]:
        """Of a dataclass."""
        own = {
            node.target.id
            for node in owner.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        return own.union(*(self._fields(place, base) for place, base in self._bases(module, owner)))

    def _absolute(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = module.split(".")
        parts = parts[: len(parts) - node.level + (module in self.packages)]
        return ".".join([*parts, *([node.module] if node.module else [])])


def _statements(owner: ast.AST) -> Iterator[ast.AST]:
    """Of a module or class, those under `if`, `try` and `with` as well."""
    for node in ast.iter_child_nodes(owner):
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            yield from _statements(node)


def _defined(node: ast.AST) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return set()


def _sets_on_self(node: ast.AST, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(
        isinstance(target, ast.Attribute) and target.attr == name and getattr(target.value, "id", "") == "self"
        for target in targets
    )
