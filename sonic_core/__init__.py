"""Makes a still portrait speak: `generate(load_engine(), load_portrait(picture), load_audio(recording), output)`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .audio.loading import load_audio
    from .engines.registry import load_engine
    from .media.encoding import Encoding
    from .pipeline import Generated, generate
    from .portrait.analysis import load_portrait
    from .settings import Settings

_HOME = {
    "Encoding": ".media.encoding",
    "Generated": ".pipeline",
    "Settings": ".settings",
    "generate": ".pipeline",
    "load_audio": ".audio.loading",
    "load_engine": ".engines.registry",
    "load_portrait": ".portrait.analysis",
}
__all__ = ["Encoding", "Generated", "Settings", "generate", "load_audio", "load_engine", "load_portrait"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `--help` and a node pack's start need no torch model code."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name], __name__), name)
