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
from pathlib import Path

from wheels import Wheel

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


if __name__ == "__main__":
    sys.exit(main())
