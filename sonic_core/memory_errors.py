"""How libraries say that memory was not enough."""

from __future__ import annotations

NO_MEMORY = "There is not enough memory for this. Close other programs, or choose a smaller picture or size."
NO_MEMORY_IN_WORDS = ("not enough memory", "cannot allocate memory", "can't allocate memory", "insufficient memory", "bad_alloc",
    "can't start new thread", "failed to allocate", "failed to map segment",
    "could not create a primitive", "resource temporarily unavailable")  # fmt: skip
"""How torch, OpenCV, ONNX Runtime, the loader and Python say it where they raise no MemoryError."""


def is_short_of_memory(error: BaseException) -> bool:
    """Whether an error, or what it came from, says that memory was not enough."""
    said = str(error).lower()
    if isinstance(error, MemoryError) or any(words in said for words in NO_MEMORY_IN_WORDS):
        return True
    return error.__cause__ is not None and is_short_of_memory(error.__cause__)
