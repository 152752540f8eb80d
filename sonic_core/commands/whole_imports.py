"""Compiled libraries are loaded whole: a KeyboardInterrupt that reaches C++ where nothing may be raised ends the process by SIGABRT."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from .signals import signals_wait

LIBRARIES = ("numpy", "cv2", "av", "torch", "onnxruntime")
"""Each is loaded in a second at most; a signal waits for that long."""


@contextmanager
def whole_imports() -> Iterator[None]:
    """Inside, signals wait while one of LIBRARIES is imported."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders find, loaded with signals waiting."""
        if fullname not in LIBRARIES:
            return None
        others = (finder.find_spec(fullname, path, target) for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, others), None)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_whole(module: ModuleType) -> None:
                with signals_wait():
                    load(module)

            spec.loader.exec_module = load_whole  # type: ignore[method-assign]
        return spec
