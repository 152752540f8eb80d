"""Looks up, in the newest released wheels, every function and keyword that the package uses of the libraries that change most.

    python tools/check_newest_apis.py

The wheels are downloaded into a temporary folder and read with `ast`; nothing is installed or run.  Exit code 1 where a name or a keyword
is gone: a user who installs today would meet it.  Where the registry cannot be reached there is nothing to compare, and the check passes.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]
SHIPPED = ("sonic_core", "nodes")
NEWEST_PYTHON = "3.13"
DISTRIBUTIONS = {
    "av": "av",
    "cv2": "opencv-python",
    "transformers": "transformers",
    "diffusers": "diffusers",
    "huggingface_hub": "huggingface_hub",
}
"""By import name."""
MEMBERS = {
    "av.container.InputContainer": "streams demux decode seek format metadata duration",
    "av.container.OutputContainer": "add_stream add_stream_from_template start_encoding mux close format metadata",
    "av.packet.Packet": "pts dts duration time_base stream size is_discard decode",
    "av.audio.stream.AudioStream": "encode codec_context time_base duration index type metadata layout bit_rate",
    "av.video.stream.VideoStream": "encode codec_context time_base average_rate index type metadata width height pix_fmt",
    "av.video.codeccontext.VideoCodecContext": "width height pix_fmt time_base options open colorspace color_range color_trc",
    "av.audio.codeccontext.AudioCodecContext": "name frame_size sample_rate layout",
    "av.audio.frame.AudioFrame": "from_ndarray to_ndarray sample_rate layout format pts",
    "av.video.frame.VideoFrame": "from_ndarray to_ndarray reformat width height pts time_base rotation",
    "av.video.reformatter.VideoReformatter": "reformat",
    "av.filter.Graph": "add add_buffer configure push pull",
}
"""What is used of objects whose class no import names; the keywords of such calls are read off the files that import the library."""


@dataclass(frozen=True)
class Use:
    """A dotted name of a library, the keywords it is called with, and where."""

    name: str
    keywords: frozenset[str]
    place: str


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


def uses_in(path: Path, text: str) -> Iterator[Use]:
    """Every name of the watched libraries in a file of ours, with the keywords of its calls."""
    tree, known = ast.parse(text), {}
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] in DISTRIBUTIONS:
                    known[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
        elif (
            isinstance(node, ast.ImportFrom)
            and not node.level
            and (node.module or "").partition(".")[0] in DISTRIBUTIONS
        ):
            known.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
            for alias in node.names:
                yield Use(f"{node.module}.{alias.name}", frozenset(), f"{path}:{node.lineno}")
    methods = {} if not any(name.startswith("av") for name in known.values()) else _methods()
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else node
        keywords = frozenset(k.arg for k in node.keywords if k.arg) if isinstance(node, ast.Call) else frozenset()
        place = f"{path}:{getattr(node, 'lineno', 0)}"
        if name := _dotted(called, known):
            yield Use(name, keywords, place)
        elif keywords and isinstance(called, ast.Attribute) and called.attr in methods:
            if isinstance(called.value, ast.Name) and called.value.id in imported:
                continue  # a function of another library: Pillow's Image.open is no method of PyAV's
            yield Use(methods[called.attr], keywords, place)


def complaints(uses: set[Use], wheels: Mapping[str, Wheel], versions: Mapping[str, str]) -> list[str]:
    """A line for every use that the wheels do not have."""
    lines = []
    for use in sorted(uses, key=lambda use: (use.name, use.place)):
        library = use.name.partition(".")[0]
        if library not in wheels:
            continue
        found = wheels[library].find(use.name)
        if not found:
            lines.append(f"{use.place}: {use.name} is not in {versions[library]}")
        elif not any(wheels[library].accepts(definition, use.keywords) for definition in found):
            lines.append(
                f"{use.place}: {use.name} of {versions[library]} does not take {', '.join(sorted(use.keywords))} together"
            )
    return lines


def download(folder: Path) -> str:
    """Fetch the newest wheels; the last words of pip where it cannot, else nothing."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--retries=1", "--timeout=20", f"--python-version={NEWEST_PYTHON}"]
    answer = subprocess.run([*command, f"--dest={folder}", *DISTRIBUTIONS.values()], capture_output=True, text=True)
    return "" if answer.returncode == 0 else (answer.stderr.strip().splitlines() or ["pip said nothing"])[-1]


def our_uses() -> set[Use]:
    files = [file for folder in SHIPPED for file in sorted((ROOT / folder).rglob("*.py"))]
    used = {use for file in files for use in uses_in(file.relative_to(ROOT), file.read_text(encoding="utf-8"))}
    members = (f"{owner}.{name}" for owner, names in MEMBERS.items() for name in names.split())
    return used | {Use(member, frozenset(), "tools/check_newest_apis.py") for member in members}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        if trouble := download(Path(folder)):
            print(f"Newest releases: the registry cannot be reached, so that nothing was compared ({trouble}).")
            return 0
        wheels, versions = {}, {}
        for library, distribution in DISTRIBUTIONS.items():
            (path,) = Path(folder).glob(f"{re.sub('[-_.]', '[-_.]', distribution)}-[0-9]*.whl")
            wheels[library], versions[library] = Wheel.read(path), " ".join(path.name.split("-")[:2])
        uses = our_uses()
        lines = complaints(uses, wheels, versions)
    print(f"Newest releases ({', '.join(versions.values())}): {len(uses)} uses looked up, {len(lines)} not there.")
    print(*lines, sep="\n", end="\n" if lines else "")
    return 1 if lines else 0


def _methods() -> dict[str, str]:
    return {name: f"{owner}.{name}" for owner, names in MEMBERS.items() for name in names.split()}


def _dotted(node: ast.AST, known: Mapping[str, str]) -> str:
    """`av.filter.Graph` of the expression `av.filter.Graph`; nothing for what does not begin with an imported library."""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if isinstance(node, ast.Attribute) and (owner := _dotted(node.value, known)):
        return "" if node.attr.startswith("__") else f"{owner}.{node.attr}"
    return ""


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


if __name__ == "__main__":
    sys.exit(main())
