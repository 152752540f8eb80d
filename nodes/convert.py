"""Between ComfyUI's dictionaries and tensors and sonic_core's values; inputs are never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..sonic_core.audio.channels import mono_gains
from ..sonic_core.audio.clip import AudioClip
from ..sonic_core.audio.loading import clip_from_waveform
from ..sonic_core.compositing import over
from ..sonic_core.engines.base import Conditioning, Engine, Latents
from ..sonic_core.errors import AudioError, OutputError, PortraitError, SettingsError
from ..sonic_core.frames import Frame, FrameStream
from ..sonic_core.progress import Progress, ignore
from ..sonic_core.settings import Settings
from .motion_tensor import MotionTensor

UNIT = np.float32(1 / 255)
SETTINGS_KEY = "sonic_settings"  # extra entry of a LATENT mapping
SOURCE_KEY = "sonic_source"  # extra entry of an AUDIO mapping that came straight from a file


# Sound


@dataclass(frozen=True)
class Source:
    """The file that `waveform` is the whole of; void as soon as a node puts another waveform beside it."""

    waveform: Tensor
    path: Path | None
    name: str
    notes: tuple[str, ...]


def audio_from_clip(clip: AudioClip) -> dict[str, Any]:
    """AUDIO: waveform `[1, channels, samples]`, its rate, and where it came from."""
    waveform = torch.from_numpy(np.ascontiguousarray(clip.samples))[None]
    return {
        "waveform": waveform,
        "sample_rate": clip.rate,
        SOURCE_KEY: Source(waveform, clip.source, clip.name, clip.notes),
    }


def clip_from_audio(audio: Mapping[str, Any] | None, name: str = "audio") -> AudioClip:
    """AudioClip of an AUDIO, which may be any Mapping; AudioError for None (a video without sound) and for batches."""
    if audio is None:
        raise AudioError(
            "There is no audio: the connected node gave none (a video without sound?). Connect a recording."
        )
    try:
        waveform, rate = audio["waveform"], audio["sample_rate"]
    except (KeyError, TypeError, IndexError):
        waveform, rate = None, None
    if not isinstance(waveform, Tensor) or waveform.is_complex() or not is_number(rate) or not isfinite(rate):
        raise AudioError(
            f"The audio input is a {type(audio).__name__} without a waveform and its rate. Connect the AUDIO of a node that loads sound."
        )
    source = audio.get(SOURCE_KEY) if hasattr(audio, "get") else None
    if isinstance(source, Source) and source.waveform is waveform:
        samples = waveform[0].numpy()
        return AudioClip(samples, int(rate), source.name, source.path, source.notes, mono_gains(samples))
    return clip_from_waveform(waveform, int(rate), name)


# Pictures


def picture_from_images(images: Tensor) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The first picture of an IMAGE batch, RGB or RGBA uint8 `[H, W, C]`, and a note if there were more."""
    check_images(images)
    if len(images) == 0:
        raise PortraitError("The image batch is empty. Connect one portrait.")
    note = f"The image input holds {len(images)} pictures; the first one is used." if len(images) > 1 else ""
    return to_uint8(images[0]), (note,) if note else ()


def background_from_images(images: Tensor) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The first picture of an IMAGE batch over white, RGB uint8 `[H, W, 3]`, for behind; and a note if there were more."""
    check_images(images, "background_image")
    if len(images) == 0:
        raise PortraitError("The background holds no picture. Connect one, or leave it out.")
    note = f"The background holds {len(images)} pictures; the first one is used." if len(images) > 1 else ""
    return np.ascontiguousarray(over(to_uint8(images[0]))), (note,) if note else ()


def with_transparency(picture: NDArray[np.uint8], transparency: Tensor | None) -> NDArray[np.uint8]:
    """The picture, RGBA uint8 where a MASK `[B, H, W]` as Load Image gives it (1 = transparent) hides parts of it.

    Load Image gives an empty mask of 64 x 64 for pictures without transparency.  Raises PortraitError for a mask of another size.
    """
    if transparency is None:
        return picture
    hidden = picture_from_mask(transparency)[..., 0]
    if not hidden.any():
        return picture
    if hidden.shape != picture.shape[:2]:
        raise PortraitError(
            f"The transparency is {hidden.shape[1]} x {hidden.shape[0]}, the image {picture.shape[1]} x {picture.shape[0]}. "
            "Connect the mask that Load Image gives for the same picture."
        )
    return np.dstack([picture[..., :3], 255 - hidden])


def picture_from_mask(mask: Tensor) -> NDArray[np.uint8]:
    """The first mask of a MASK `[B, H, W]` as a grey picture, uint8 `[H, W, 3]`."""
    if not isinstance(mask, Tensor) or mask.ndim not in (2, 3) or not mask.numel():
        shape = list(mask.shape) if isinstance(mask, Tensor) else type(mask).__name__
        raise PortraitError(f"The mask input is {shape}; expected [masks, height, width].")
    first = mask if mask.ndim == 2 else mask[0]
    return to_uint8(first[..., None].expand(*first.shape, 3))


def images_from_picture(picture: NDArray[np.uint8]) -> Tensor:
    """IMAGE `[1, H, W, 3]` of one RGB picture."""
    return torch.from_numpy(np.ascontiguousarray(picture[..., :3]))[None].float().div_(255)


def frames_from_images(images: Tensor, fps: float) -> FrameStream:
    """The frames of an IMAGE batch, converted one at a time; transparency is dropped."""
    return _frames(images[..., :3] if _is_images(images) else images, None, fps)


def transparent_frames(images: Tensor, fps: float, transparency: Tensor | None = None) -> FrameStream:
    """The same with the opacity of an IMAGE of four channels, or of a MASK (1 = transparent) with one mask, or one for each frame.

    Raises PortraitError for a MASK of another size.
    """
    if transparency is not None and _is_images(images):
        if not isinstance(transparency, Tensor):
            raise PortraitError(f"The mask input is {type(transparency).__name__}; expected [masks, height, width].")
        wanted = (len(images), *images.shape[1:3])
        masks = transparency[None] if transparency.ndim == 2 else transparency
        if not masks.any():
            transparency = None
        elif tuple(masks.shape) not in (wanted, (1, *wanted[1:])):
            raise PortraitError(
                f"The transparency is {list(masks.shape)}, the images are {list(wanted)}. "
                "Connect a mask of their size: one for each of them, or one for all."
            )
        else:
            transparency = masks
    return _frames(images, transparency, fps)


def _frames(images: Tensor, transparency: Tensor | None, fps: float) -> FrameStream:
    check_images(images)
    if len(images) == 0:
        raise OutputError("There are no frames: the image batch is empty.")
    length, height, width, channels = images.shape

    def frames() -> Iterator[Frame]:
        for index, image in enumerate(images):
            if transparency is None:
                yield to_uint8(image)
            else:
                hidden = transparency[min(index, len(transparency) - 1)]
                yield np.dstack([to_uint8(image[..., :3]), 255 - to_uint8(hidden[..., None])])

    return FrameStream(length, width, height, float(fps), frames, 3 if transparency is None and channels == 3 else 4)


def _is_images(images: Tensor) -> bool:
    return isinstance(images, Tensor) and images.ndim == 4


def images_from_frames(frames: FrameStream, progress: Progress = ignore, stage: str = "rendering") -> Tensor:
    """IMAGE `[T, H, W, 3 or 4]` float32 0..1 of a whole stream; needs 12 or 16 bytes per pixel and frame."""
    images = torch.empty((len(frames), frames.height, frames.width, frames.channels), dtype=torch.float32)
    values = images.numpy()
    progress(stage, 0, len(frames))
    for index, frame in enumerate(frames):
        np.multiply(frame, UNIT, out=values[index])
        progress(stage, index + 1, len(frames), partial(over, frame))
    return images


def images_and_masks(frames: FrameStream, keep: bool, progress: Progress) -> tuple[Tensor, Tensor]:
    """IMAGE of a stream, and a MASK `[T, H, W]` of what is transparent in it (1); one empty mask for a stream without transparency.

    keep: the images have four channels and colours up to the edge; otherwise transparent parts are white.
    """
    if not frames.has_alpha:
        return images_from_frames(frames, progress), torch.zeros((1, frames.height, frames.width))
    masks = torch.empty((len(frames), frames.height, frames.width), dtype=torch.float32)
    values = masks.numpy()

    def noted() -> Iterator[Frame]:
        for index, frame in enumerate(frames):
            np.multiply(255 - frame[..., 3], UNIT, out=values[index])
            yield frame

    seen = replace(frames, start=noted)
    return images_from_frames(seen if keep else seen.over(), progress), masks


def is_number(value: Any) -> TypeGuard[float]:
    """A real number that a float can hold; bool is one, text is none."""
    if not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def check_images(images: Tensor, name: str = "image") -> None:
    known = isinstance(images, Tensor) and images.ndim == 4 and images.shape[-1] in (3, 4) and not images.is_complex()
    if not known or 0 in images.shape[1:]:
        shape = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise PortraitError(f"The {name} input is {shape}; expected [pictures, height, width, 3 or 4 channels].")


def to_uint8(image: Tensor) -> NDArray[np.uint8]:
    """Float 0..1 `[H, W, C]`, on any device, as uint8; NaN becomes black.

    In NumPy, for the reason that `sonic_core.threads` gives.
    """
    values = image.detach().to("cpu", torch.float32).numpy() * np.float32(255)
    np.clip(np.nan_to_num(values, copy=False, posinf=255), 0, 255, out=values)
    return np.rint(values, out=values).astype(np.uint8)


# What only our own nodes exchange


def latent_from(latents: Latents, settings: Settings) -> dict[str, Any]:
    """LATENT: samples, fps, engine and the settings that it was made with. Motion, which is no picture, tells a VAE so in words."""
    samples = torch.as_tensor(latents.samples)
    if samples.ndim < 4:
        samples = samples.as_subclass(MotionTensor)
    return {"samples": samples, "fps": latents.fps, "engine": latents.engine, SETTINGS_KEY: settings}


def latents_from(latent: Mapping[str, Any], engine: Engine) -> Latents:
    """Latents of a LATENT that `engine` made; SettingsError for any other."""
    made_by = latent.get("engine") if isinstance(latent, Mapping) else None
    if made_by != engine.name:
        origin = f"the engine {made_by!r}" if made_by else "another node"
        raise SettingsError(
            f"This LATENT comes from {origin}, but the model is {engine.name!r}. "
            "Connect the output of Sonic Inference that uses the same model."
        )
    samples, fps = latent.get("samples"), latent.get("fps")
    if not isinstance(samples, Tensor) or samples.is_complex() or not is_number(fps):
        raise SettingsError(
            "This LATENT was changed on its way: samples or fps are missing. Connect the output of Sonic Inference."
        )
    if isinstance(samples, MotionTensor):
        samples = samples.as_subclass(Tensor)
    return Latents(samples, float(fps), made_by)


def check_model(model: Any) -> None:
    """SettingsError for what another pack gave through a socket without a type.

    Engines are known by the name of their base: one that was registered from outside has imported a `sonic_core` of its own.
    """
    bases = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(model).__mro__}
    if not any(base.endswith("sonic_core.engines.base.Engine") for base in bases):
        raise SettingsError(
            f"The model input is a {type(model).__name__} of another node pack. Connect a Sonic Model Loader."
        )


def check_predata(predata: Any) -> None:
    """SettingsError for what another pack gave through a socket without a type."""
    if not isinstance(predata, Conditioning):
        raise SettingsError(
            f"The predata input is a {type(predata).__name__} of another node pack. "
            "Connect SONIC_PreData (portrait), of the category Sonic."
        )


def check_same_engine(conditioning: Conditioning, engine: Engine) -> None:
    """SettingsError when either is not ours, or predata was made with another model."""
    check_model(engine)
    check_predata(conditioning)
    if conditioning.engine != engine.name:
        raise SettingsError(
            f"predata was made for the engine {conditioning.engine!r}, but the model is {engine.name!r}. "
            "Connect the same Sonic Model Loader to all Sonic nodes."
        )


def with_settings(conditioning: Conditioning, **changes: Any) -> Conditioning:
    """The same conditioning with other inference settings, checked."""
    return replace(conditioning, settings=replace(conditioning.settings, **changes))
