"""Pictures from files, bytes and arrays as RGB uint8, upright, in sRGB, with what had to be changed told in words."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ..errors import PortraitError
from ..opening import check_regular
from .video_still import is_video, still_of

MAX_PIXELS = 40_000_000
MOST_DECODED = 175_000_000  # px: a 13,000 px square, 0.7 GB while it is decoded
MOST_DEEP = 60_000_000  # px of more than 8 bits, which are brought to 8 by way of float64
MIN_SIDE = 32
MAX_ASPECT = 5  # longer side / shorter side: the face detector looks at squares around the picture
ORIENTATION = 0x0112  # EXIF tag: 1 = upright, 2 to 8 = turned or mirrored; cameras also write 0, which means nothing
BACKGROUND = 255  # shows through transparent parts where they are not kept
HEAD_BYTES = 64
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
FLOAT_TOLERANCE = 1 / 255  # resampling overshoots 0 and 1 a little

# What Pillow and its plug-ins raise for damaged files, beside the errors of their own: found by changing bytes of real ones.
DECODER_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    RuntimeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    struct.error,
    zlib.error,
    MemoryError,
)


@dataclass(frozen=True)
class Picture:
    """RGB uint8 [H, W, 3], alpha uint8 [H, W] or None, a name for messages and what was adjusted."""

    image: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    name: str = "picture"
    notes: tuple[str, ...] = ()


Source = str | os.PathLike | bytes | NDArray | Picture


def load_picture(source: Source, frame: int | None = None) -> Picture:
    """Read a picture from a path, from the bytes of a file, or from an array; one that is read already is returned as it is.

    Arrays: [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] (red first, alpha last), uint8, uint16, or float in 0-1.
    frame: take that frame of a video file (counted from 0) instead.
    Transparent parts are laid over white.  Raises PortraitError naming the source and the reason.
    """
    if isinstance(source, Picture):
        return source
    if frame is not None:
        path = Path(str(source)) if isinstance(source, (str, os.PathLike)) else None
        if path is None:
            raise PortraitError("A frame of a video is asked for, but no path of a video is given.")
        picture = Picture(
            still_of(path, frame), name=path.name, notes=(f"Frame {frame} of {path.name} is the picture.",)
        )
        return _flattened(_bounded(picture))
    picture = _from_array(source) if isinstance(source, np.ndarray) else _from_file(source)
    return _flattened(_bounded(picture))


def _usual_formats() -> list[str]:
    """PNG, JPEG and three more."""
    Image.preinit()
    return _readable()


def _all_formats() -> list[str]:
    """All that Pillow has: forty plug-ins, which take longer to load than a portrait to decode."""
    Image.init()
    return _readable()


def _readable() -> list[str]:
    """What is loaded but PostScript, for which Pillow would start another program."""
    return [name for name in Image.OPEN if name not in ("EPS", "PS")]


def _from_file(source: str | os.PathLike | bytes) -> Picture:
    stream: Path | io.BytesIO
    if isinstance(source, bytes):
        name, stream = "picture", io.BytesIO(source)
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        name, stream = path.name, path
        check_regular(path, PortraitError, "Give the path of a picture (PNG, JPEG, WebP, TIFF, BMP).")
    else:
        raise PortraitError(f"a picture was given as {type(source).__name__}; expected a path, bytes or a NumPy array.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged metadata; _bounded deals with large pictures
            with _opened(stream, name) as opened:
                return _decoded(opened, name)
    except UnidentifiedImageError:
        if isinstance(stream, Path) and is_video(stream):
            raise PortraitError(
                f"{name} is a video, not a picture. Choose a still of it: --image-frame 0 takes its first frame."
            ) from None
        raise PortraitError(
            f"{name} is not a picture that can be read. Save it as PNG or JPEG and try again."
        ) from None
    except Image.DecompressionBombError:
        raise PortraitError(f"{name} is larger than any portrait needs. Shrink it below 100 megapixels.") from None
    except PermissionError:
        raise PortraitError(f"{name} may not be read by this user. Change its permissions or copy it.") from None
    except DECODER_FAULTS as error:
        raise PortraitError(
            f"{name} cannot be read: {error or type(error).__name__}. Save it as PNG or JPEG and try again."
        ) from error


def _opened(stream: Path | io.BytesIO, name: str) -> Image.Image:
    if not _is_heic(stream):
        try:
            return Image.open(stream, formats=_usual_formats())
        except UnidentifiedImageError:
            return Image.open(stream, formats=_all_formats())
    try:
        # Its class and not its registration, which would change Pillow for the whole program.
        from pillow_heif import HeifImageFile
    except ImportError:
        raise PortraitError(
            f"{name} is a HEIC photograph, as iPhones take them, and pillow-heif, which reads them, is not installed. "
            "Install it (pip install pillow-heif), or save the picture as JPEG."
        ) from None
    return HeifImageFile(stream)


def _is_heic(stream: Path | io.BytesIO) -> bool:
    """By the brands that ISO/IEC 23008-12 gives to HEVC coded pictures; the suffix is often wrong."""
    if isinstance(stream, io.BytesIO):
        head = stream.getvalue()[:HEAD_BYTES]
    else:
        with stream.open("rb") as file:
            head = file.read(HEAD_BYTES)
    if head[4:8] != b"ftyp":
        return False
    length = int.from_bytes(head[:4], "big")
    brands = {head[i : i + 4] for i in (8, *range(16, min(length, HEAD_BYTES), 4))}
    return not brands.isdisjoint(HEIC_BRANDS) and b"avif" not in brands


def _decoded(opened: Image.Image, name: str) -> Picture:
    width, height = opened.size
    most = MOST_DEEP if opened.mode.startswith("I") or opened.mode == "F" else MOST_DECODED
    if width * height > most:
        raise PortraitError(
            f"{name} is {width} x {height} pixels of mode {opened.mode}; at most {most / 1e6:.0f} megapixels are decoded. Shrink it first."
        )
    size = _within_bounds(width, height)
    opened.draft(None, size)
    notes = []
    if getattr(opened, "n_frames", 1) > 1:
        notes.append(f"{name} has {getattr(opened, 'n_frames', 1)} pictures; the first is used.")
        opened.seek(0)
    profile = opened.info.get("icc_profile")
    small = opened
    if size != (width, height):  # before anything else, each step of which would hold it whole once more
        small = _eight_bit(opened, name).resize(size, Image.Resampling.BOX, reducing_gap=1.0)
        small.getexif()[ORIENTATION] = opened.getexif().get(ORIENTATION, 1)
        notes.append(f"{name} was shrunk from {width} x {height} to {size[0]} x {size[1]}.")
    upright = ImageOps.exif_transpose(small)
    if opened.getexif().get(ORIENTATION) in range(2, 9):
        notes.append(f"{name} was turned upright as its EXIF orientation says.")
    colours = _in_srgb(_eight_bit(upright, name), profile)
    pixels = np.array(colours)
    alpha = pixels[..., 3] if colours.mode == "RGBA" else None
    return Picture(np.ascontiguousarray(pixels[..., :3]), alpha, name, tuple(notes))


def _eight_bit(image: Image.Image, name: str) -> Image.Image:
    """Any mode that holds more than 8 bits a channel, or a palette, as a mode of 8 bits a channel."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float64)
        limit = 1.0 if values.max() <= 1 else 65535.0
        if not (values.min() >= 0 and values.max() <= limit):  # also refuses NaN
            raise ValueError(f"grey values from {values.min():g} to {values.max():g}; expected 0 to 1 or 0 to 65535")
        return Image.fromarray(np.round(values * (255 / limit)).astype(np.uint8))
    if image.mode in ("P", "PA") or "transparency" in image.info:
        return image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    return image.convert("L") if image.mode == "1" else image


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB or RGBA in sRGB; a colour profile that does not fit the picture is ignored, as viewers do."""
    target = "RGBA" if image.mode in ("RGBA", "LA", "La", "RGBa") else "RGB"
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=target)
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass
    return image.convert(target)


def _from_array(array: NDArray) -> Picture:
    shape = "x".join(map(str, array.shape))
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise PortraitError(f"the picture is an array of shape {shape}; expected [H, W], [H, W, 3] or [H, W, 4].")
    pixels, notes = _array_as_bytes(array)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, 2)
    alpha = pixels[..., 3].copy() if pixels.shape[2] == 4 else None
    return Picture(np.ascontiguousarray(pixels[..., :3]), alpha, notes=notes)


def _array_as_bytes(array: NDArray) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    if array.dtype == np.uint8:
        return array, ()
    if array.dtype == np.uint16:
        return np.round(array / 257).astype(np.uint8), ()
    if not np.issubdtype(array.dtype, np.floating):
        raise PortraitError(f"the picture's values are {array.dtype}; expected uint8, uint16 or float from 0 to 1.")
    if not np.isfinite(array).all():
        raise PortraitError("the picture holds NaN or infinite values; expected numbers from 0 to 1.")
    low, high = float(array.min(initial=0)), float(array.max(initial=0))
    if high > 2 or low < -1:
        raise PortraitError(
            f"the picture's values run from {low:g} to {high:g}; expected floats from 0 to 1, or uint8 from 0 to 255."
        )
    outside = low < -FLOAT_TOLERANCE or high > 1 + FLOAT_TOLERANCE
    notes = (f"Values from {low:.3g} to {high:.3g} were clipped to 0-1.",) if outside else ()
    return np.round(np.clip(array, 0, 1) * 255).astype(np.uint8), notes


def _bounded(picture: Picture) -> Picture:
    height, width = picture.image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise PortraitError(
            f"{picture.name} is {width} x {height} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed."
        )
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise PortraitError(
            f"{picture.name} is {width} x {height} pixels, a strip more than {MAX_ASPECT} times as long as wide. Crop it around the face."
        )
    if height * width <= MAX_PIXELS:
        return picture
    size = _within_bounds(width, height)

    def shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)

    note = f"{picture.name} was shrunk from {width} x {height} to {size[0]} x {size[1]}."
    alpha = None if picture.alpha is None else shrunk(picture.alpha)
    return Picture(shrunk(picture.image), alpha, picture.name, (*picture.notes, note))


def _within_bounds(width: int, height: int) -> tuple[int, int]:
    """The size itself, or one of the same shape with MAX_PIXELS at most."""
    if height * width <= MAX_PIXELS:
        return width, height
    scale = (MAX_PIXELS / (height * width)) ** 0.5
    return max(int(width * scale), 1), max(int(height * scale), 1)


def _flattened(picture: Picture) -> Picture:
    """Transparent parts over a plain background; an alpha channel that hides nothing is dropped."""
    if picture.alpha is None or picture.alpha.min() == 255:
        return Picture(picture.image, None, picture.name, picture.notes)
    opacity = picture.alpha[..., None].astype(np.float32) / 255
    image = np.round(picture.image * opacity + BACKGROUND * (1 - opacity)).astype(np.uint8)
    note = f"{picture.name} has transparent parts."
    return Picture(image, picture.alpha, picture.name, (*picture.notes, note))
