"""Pictures and recordings of a batch: there, readable, how large or long, and what is in them, without decoding them."""

from __future__ import annotations

import hashlib
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import AudioError, PortraitError, SonicError
from ..opening import check_regular, in_seconds, opened
from .known_files import KnownFiles
from .remote_files import is_url, version_of
from .store import Store

MOST_REMEMBERED = 4096
BLOCK = 2**20
PICTURE, RECORDING = "picture", "recording"
ERRORS = {PICTURE: PortraitError, RECORDING: AudioError}


@dataclass(frozen=True)
class Source:
    """digest: sha256 of the file.  width, height: px of a picture.  seconds: of a recording, 0 where its header does not say.

    Of a file behind a URL only the digest is known, of its size and date.
    """

    digest: str
    width: int = 0
    height: int = 0
    seconds: float = 0.0


class Sources:
    """Files by path, each looked at once; what was found is remembered in the store for as long as size and time of the file stay."""

    def __init__(self, store: Store) -> None:
        self.files = KnownFiles(store)
        self.recent: OrderedDict[tuple[str, str], Source | SonicError] = OrderedDict()

    def __call__(self, path: str, kind: str) -> Source:
        """kind: PICTURE or RECORDING.  Raises PortraitError or AudioError."""
        name = (path, kind)
        found = self.recent.get(name)
        if found is None:
            try:
                found = Source(version_of(path, ERRORS[kind])) if is_url(path) else self._looked_at(Path(path), kind)
            except SonicError as error:
                found = error
            self.recent[name] = found
            if len(self.recent) > MOST_REMEMBERED:
                self.recent.popitem(last=False)
        if isinstance(found, SonicError):
            raise found
        return found

    def _looked_at(self, path: Path, kind: str) -> Source:
        check_regular(path, ERRORS[kind], f"Expected a {kind}.")
        known = self.files.of(path)
        if known and kind in known[1]:
            return Source(known[0], **known[1][kind])
        facts = _size(path) if kind == PICTURE else {"seconds": _seconds(path)}
        try:
            digest = known[0] if known else _sha256(path)
        except OSError as error:
            raise ERRORS[kind](f"{path.name} cannot be read ({error.strerror}).") from error
        self.files.note(path, digest, {**(known[1] if known else {}), kind: facts})
        return Source(digest, **facts)


def _size(path: Path) -> dict[str, Any]:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                return {"width": picture.width, "height": picture.height}
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        pass
    try:  # a frame of a video; and HEIC, which Pillow reads with a plug-in that the portrait's own door loads
        with opened(path, PortraitError, "Save it as PNG or JPEG.") as container:
            stream = next(iter(container.streams.video), None)
            return {"width": stream.codec_context.width, "height": stream.codec_context.height} if stream else {}
    except PortraitError:
        from ..portrait.loading import load_picture

        height, width = load_picture(path).image.shape[:2]
        return {"width": width, "height": height}


def _seconds(path: Path) -> float:
    with opened(path, AudioError, "Expected a recording.") as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise AudioError(f"{path.name} has no sound. Choose a recording or a video with sound.")
        if stream.duration:
            return in_seconds(stream.duration, stream.time_base)
        return (container.duration or 0) / 1e6


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
