"""Failed imports in plain words: a library of the operating system that is not there, or a package, each with its cure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import MissingLibraryError

HEADLESS = "pip uninstall -y opencv-python && pip install opencv-python-headless"
DISTRIBUTIONS = {"cv2": "opencv-python (on a server: opencv-python-headless)", "PIL": "pillow"}
"""Import names whose distribution is called otherwise."""


@dataclass(frozen=True)
class SystemPackage:
    """Who brings a shared library: the package of Debian and Ubuntu, and that of Fedora, RHEL and their kin."""

    debian: str
    fedora: str


GLIB = SystemPackage("libglib2.0-0", "glib2")  # Debian 13 and Ubuntu 24.04 take this name for libglib2.0-0t64
PACKAGES = {
    "libxcb.so.1": SystemPackage("libxcb1", "libxcb"),
    "libGL.so.1": SystemPackage("libgl1", "libglvnd-glx"),
    "libgthread-2.0.so.0": GLIB,
    "libglib-2.0.so.0": GLIB,
    "libSM.so.6": SystemPackage("libsm6", "libSM"),
    "libXext.so.6": SystemPackage("libxext6", "libXext"),
    "libXrender.so.1": SystemPackage("libxrender1", "libXrender"),
    "libgomp.so.1": SystemPackage("libgomp1", "libgomp"),
    "libstdc++.so.6": SystemPackage("libstdc++6", "libstdc++"),
}
OPENCV_NEEDS = ("libxcb.so.1", "libGL.so.1", "libgthread-2.0.so.0")
"""What opencv-python 4.8 to 5.0 miss in a bare Debian 13, one after the other."""


@contextmanager
def plain_import_errors() -> Iterator[None]:
    """Turns an import that failed for want of a library into MissingLibraryError; any other ImportError passes as it is."""
    try:
        yield
    except (ImportError, OSError) as error:
        sentence = cure(error)
        if sentence is None:
            raise
        raise MissingLibraryError(sentence) from error


def cure(error: BaseException) -> str | None:
    """One sentence that says what is missing and how to get it; None where the error is no missing library or package.

    error: what an import raised, an ImportError or (a library that is loaded by hand) an OSError.
    """
    if isinstance(error, MissingLibraryError):
        return str(error)
    module = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError):
        if not module or module == __name__.partition(".")[0]:
            return None
        return f"The Python package {module!r} is not installed. Install it: pip install {DISTRIBUTIONS.get(module, module)}"
    if found := re.match(r"(\S+\.so[.\d]*): cannot open shared object file", str(error)):
        return _linux(module, found[1])
    if str(error).startswith("DLL load failed"):
        return _windows(module)
    return None


def _linux(module: str, library: str) -> str:
    wanted = dict.fromkeys((library, *OPENCV_NEEDS)) if module == "cv2" else (library,)
    known = list(dict.fromkeys(PACKAGES[name] for name in wanted if name in PACKAGES))
    who = "OpenCV" if module == "cv2" else module or "A package"
    what = f"{who} cannot be loaded, because the system library {library} is not installed. "
    if library not in PACKAGES:
        return f"{what}Install the package of your system that brings it."
    debian, fedora = (" ".join(getattr(package, kind) for package in known) for kind in ("debian", "fedora"))
    alternative = f", or take the OpenCV that needs none: {HEADLESS}" if module == "cv2" else ""
    return f"{what}Run apt-get install {debian} (Debian, Ubuntu) or dnf install {fedora} (Fedora, RHEL){alternative}"


def _windows(module: str) -> str:
    return (
        f"{module or 'A package'} cannot be loaded, because a system library (DLL) is not installed. "
        "Install the Microsoft Visual C++ Redistributable and, on Windows Server or N, the Media Feature Pack."
    )
