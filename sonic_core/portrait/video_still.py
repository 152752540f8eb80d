"""A still of a video, for portraits that exist only as one."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..decoding import TolerantDecoder
from ..errors import PortraitError, SonicError
from ..opening import opened

EXPECTED = "Expected a video file."


def is_video(path: Path) -> bool:
    """Whether FFmpeg finds moving pictures in a file."""
    try:
        with opened(path, PortraitError, EXPECTED) as container:
            return any(stream.codec_context is not None for stream in container.streams.video)
    except SonicError:
        return False


def still_of(path: Path, frame: int = 0) -> NDArray[np.uint8]:
    """Frame number `frame` (from 0) of a video as RGB uint8 [H, W, 3], upright.  Raises PortraitError: no video, no such frame."""
    if frame < 0:
        raise PortraitError(f"image_frame is {frame}; expected 0 (the first frame) or more.")
    with opened(path, PortraitError, EXPECTED) as container:
        stream = next((s for s in container.streams.video if s.codec_context is not None), None)
        if stream is None:
            raise PortraitError(f"{path.name} holds no moving picture. {EXPECTED}")
        stream.thread_type = "AUTO"
        found = next(islice(TolerantDecoder(container, stream), frame, None), None)
        if found is None:
            raise PortraitError(
                f"{path.name} has no frame {frame} that can be decoded. Choose an earlier one; 0 is the first."
            )
        picture = found.to_ndarray(format="rgb24")
        turns = round((getattr(found, "rotation", 0) or 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture
