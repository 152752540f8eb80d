"""Makes a still portrait speak: `generate(Job("me.jpg", "hello.m4a", "hello.mp4"))`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .audio.clip import AudioClip
    from .audio.loading import load_audio
    from .engines.base import Engine
    from .engines.registry import load_engine
    from .errors import SonicError
    from .job import FaceChoice, Job
    from .job_json import job_from_json, job_to_json
    from .jobs.whole_batch import Batch, make_batch
    from .keeping import Kept, kept_in
    from .live.core import LiveFrame
    from .live.recorder import Recording
    from .live.session import LiveSession
    from .live.stats import LiveStats
    from .media.c2pa_signing import Signing
    from .media.encoding import Encoding
    from .media.labels import Labels
    from .media.visible_label import VisibleLabel
    from .pipeline import Generated, Loaded, generate, load
    from .portrait.analysis import load_portrait
    from .portrait.portrait import Portrait
    from .progress import Progress
    from .settings import Settings
    from .smoothing.choice import Smoothing

_HOME = {
    "AudioClip": ".audio.clip",
    "Batch": ".jobs.whole_batch",
    "Encoding": ".media.encoding",
    "Engine": ".engines.base",
    "FaceChoice": ".job",
    "Generated": ".pipeline",
    "Job": ".job",
    "Kept": ".keeping",
    "Labels": ".media.labels",
    "LiveFrame": ".live.core",
    "LiveSession": ".live.session",
    "LiveStats": ".live.stats",
    "Loaded": ".pipeline",
    "Portrait": ".portrait.portrait",
    "Progress": ".progress",
    "Recording": ".live.recorder",
    "Settings": ".settings",
    "Signing": ".media.c2pa_signing",
    "Smoothing": ".smoothing.choice",
    "SonicError": ".errors",
    "VisibleLabel": ".media.visible_label",
    "generate": ".pipeline",
    "job_from_json": ".job_json",
    "job_to_json": ".job_json",
    "kept_in": ".keeping",
    "load": ".pipeline",
    "load_audio": ".audio.loading",
    "load_engine": ".engines.registry",
    "load_portrait": ".portrait.analysis",
    "make_batch": ".jobs.whole_batch",
}
__all__ = [
    "AudioClip",
    "Batch",
    "Encoding",
    "Engine",
    "FaceChoice",
    "Generated",
    "Job",
    "Kept",
    "Labels",
    "LiveFrame",
    "LiveSession",
    "LiveStats",
    "Loaded",
    "Portrait",
    "Progress",
    "Recording",
    "Settings",
    "Signing",
    "Smoothing",
    "SonicError",
    "VisibleLabel",
    "generate",
    "job_from_json",
    "job_to_json",
    "kept_in",
    "load",
    "load_audio",
    "load_engine",
    "load_portrait",
    "make_batch",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `--help` and a node pack's start need no torch model code.

    Raises MissingLibraryError where the system lacks a library that the import needs.
    """
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .system_libraries import plain_import_errors

    with plain_import_errors():
        return getattr(import_module(_HOME[name], __name__), name)
