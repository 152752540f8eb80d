"""The door to weights that are part of the package: missing, damaged or of another release, it is told in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ModelMissingError, NotEnoughMemoryError
from .memory_errors import NO_MEMORY, is_short_of_memory


@contextmanager
def reading(what: str, *files: Path) -> Iterator[None]:
    """While `files` are read and built into a network.  what: the network's name, for messages ("The speech encoder").

    Raises ModelMissingError that names every file that is missing, or the files and what the libraries said about them;
    NotEnoughMemoryError where nothing is wrong with them.
    """
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        raise ModelMissingError(
            f"{what} lacks {' and '.join(missing)}. They are part of the package; install it again."
        )
    try:
        yield
    except ModelMissingError:
        raise
    except Exception as error:  # safetensors, json and torch raise many kinds for a damaged file
        if is_short_of_memory(error):
            raise NotEnoughMemoryError(NO_MEMORY) from error
        why = " ".join(str(error).split())[:200]
        raise ModelMissingError(
            f"{what} cannot be read from {' and '.join(map(str, files))} ({type(error).__name__}: {why}). "
            "The weights are damaged or of another release; they are part of the package: install it again."
        ) from error
