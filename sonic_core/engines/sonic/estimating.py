"""What making a clip will cost on a machine: known from the sizes of picture, recording and networks, before a weight is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...audio.clip import AudioClip
from ...diffusion.windows import CircularWindows, FewestWindows, OpenWindows, Windows
from ...errors import SettingsError
from ...models.locate import locate, models_folders
from ...portrait.portrait import Portrait
from ...runtime.devices import has_8_bit_floats, sustained_rate, usable_device, working_dtype
from ...settings import Settings
from .audio_conditioning import key_frame_count, usable_audio
from .eight_bit import bytes_in_8_bits, module_bytes
from .files import SONIC_FILES
from .framing import frame
from .loading import networks_on_meta, small_decoder_on_meta
from .planning import (
    AUDIO_BYTES,
    DECODE_CHUNKS,
    GIB,
    MemoryPlan,
    ModelSizes,
    Place,
    choose_plan,
    plans,
)
from .presets import Preset, preset_named
from .sampling import Draw
from .work_count import Estimate, estimate

WINDOW = 25


@dataclass(frozen=True)
class Mode:
    """How the engine works, whatever the clip.

    reference: everything as the published code does it.  fp8: the UNet's weights in 8 bits in any case.
    reserve: bytes of each device's memory that others are to have.  circular: windows join the clip's end to its start.
    beside: further devices that share the windows of every step with `device`, and the chunks of decoding.
    windows_together: of a step in one batch, at most.  keep_resolution: frames are brought to the picture's own size.
    """

    preset: Preset
    reference: bool
    device: torch.device
    dtype: torch.dtype
    fp8: bool
    reserve: float = 0.0
    circular: bool = False
    beside: tuple[torch.device, ...] = ()
    windows_together: int = 1
    keep_resolution: bool = False

    @classmethod
    def of(
        cls,
        preset: str = "exact",
        reference: bool = False,
        device: str | None = None,
        precision: str | None = None,
        fp8: bool = False,
        reserve: float = 0.0,
        circular_windows: bool = False,
        devices: str | None = None,
        windows_together: int = 1,
        keep_resolution: bool = False,
    ) -> Mode:
        """reserve: in GiB.  Raises SettingsError for unknown names and for options that contradict each other."""
        where, *beside = devices_named(device, devices)
        mode = cls(
            preset_named(preset),
            reference,
            where,
            working_dtype(precision, where),
            fp8,
            reserve * GIB,
            circular_windows,
            tuple(beside),
            windows_together,
            keep_resolution,
        )
        if windows_together < 1:
            raise SettingsError(f"windows_together is {windows_together}; expected 1 or more.")
        if reference and preset != "exact":
            raise SettingsError(f"preset is {preset!r} and reference is asked for; reference is the preset exact.")
        if reference and fp8:
            raise SettingsError("reference and fp8 are asked for; weights in 8 bits change the numbers. Choose one.")
        if fp8 and not has_8_bit_floats(where):
            raise SettingsError(f"fp8 is asked for, but {where.type} has no 8-bit floats; leave it out.")
        return mode

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """All that windows are sampled on, the one that does the rest first."""
        return (self.device, *self.beside)

    @property
    def windows(self) -> Windows:
        """How a clip is shared out to the UNet."""
        return CircularWindows(WINDOW) if self.reference or self.circular else open_windows(self.preset)

    @property
    def published_draw(self) -> Draw | None:
        """In reference mode on CUDA as the published code draws noise: there, in the networks' precision.  None = as everywhere."""
        return Draw(self.device, self.dtype) if self.reference and self.device.type == "cuda" else None

    @property
    def place(self) -> Place:
        """What the device allows; only on CUDA do branches gain from running together."""
        small = True if self.fp8 else None if has_8_bit_floats(self.device) and not self.reference else False
        chunks = (8,) if self.reference else DECODE_CHUNKS
        kind = self.device.type
        batched = 1 if self.reference else self.windows_together
        return Place(
            self.dtype.itemsize, kind == "cuda", small, kind == "cpu", chunks, self.preset.small_decoder, batched
        )

    def plans(self, sizes: ModelSizes, latent_size: tuple[int, int]) -> list[MemoryPlan]:
        """Every way to make a clip here, from the fastest to the one that needs least."""
        return plans(sizes, latent_size, WINDOW, self.place)

    def plan(self, sizes: ModelSizes, latent_size: tuple[int, int], free: float) -> MemoryPlan:
        """How to fit a clip of any length into `free` bytes.  Raises SonicError where nothing fits."""
        return choose_plan(free, sizes, latent_size, WINDOW, self.place)

    def estimate(self, key_frames: int, latent_size: tuple[int, int], steps: int, plan: MemoryPlan) -> Estimate:
        return estimate(key_frames, latent_size, steps, self.preset, self.windows, WINDOW, plan, len(self.devices))


def open_windows(preset: Preset) -> Windows:
    """How a preset shares a clip with two ends out to the UNet."""
    return (FewestWindows if preset.few_windows else OpenWindows)(WINDOW)


def devices_named(device: str | None, devices: str | None) -> list[torch.device]:
    """The device called `device`, or those that `devices` names with commas between; one may stand there more than once.

    Raises SettingsError for both at once, for devices that are not there, and for those of different kinds.
    """
    if devices is None:
        return [usable_device(device)]
    names = [name.strip() for name in devices.split(",") if name.strip()]
    if device is not None or not names:
        raise SettingsError(
            f"devices is {devices!r} and device is {device!r}; give one of them: device cuda:1, or devices cuda:0,cuda:1."
        )
    found = [usable_device(name) for name in names]
    if len({one.type for one in found}) > 1:
        raise SettingsError(f"devices is {devices!r}; expected devices of one kind, such as cuda:0,cuda:1.")
    return found


@dataclass(frozen=True)
class ClipEstimate:
    """frame_count: of the video.  work: passes, FLOPs and memory.  seconds: at the rate that this machine reached in a short trial."""

    frame_count: int
    work: Estimate
    rate: float
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())

    @property
    def stages(self) -> dict[str, float]:
        """Seconds of each stage that reports progress."""
        return self.work.stages(self.rate)

    def described(self) -> str:
        return self.work.described(self.rate)

    def figures(self) -> dict[str, Any]:
        return {
            "frames": self.frame_count,
            "steps": self.work.steps,
            "unet_passes": self.work.passes,
            "tflop": round(self.work.flops / 1e12, 1),
            "peak_gib": round(self.work.plan.peak / 2**30, 2),
            "plan": self.work.plan.described(),
            "seconds": round(self.seconds, 1),
        }


def estimate_clip(
    portrait: Portrait,
    audio: AudioClip,
    settings: Settings,
    mask: NDArray[np.uint8] | None,
    mode: Mode,
    sizes: ModelSizes,
    free: float,
) -> ClipEstimate:
    """Cost of making `portrait` speak `audio`; free: bytes of memory for networks and their work."""
    audio = usable_audio(audio, settings)
    framed = frame(portrait, settings, mask, mode.keep_resolution)
    height, width = framed.image.shape[:2]
    size = height // 8, width // 8
    work = mode.estimate(
        key_frame_count(audio, mode.reference), size, settings.inference_steps, mode.plan(sizes, size, free)
    )
    rate = sustained_rate(mode.device, mode.dtype)
    return ClipEstimate(audio.frame_count(25.0), work, rate, audio.notes + framed.notes + settings.notes)


def sizes_without_loading(
    folders: Sequence[Path] | None, chosen: Mapping[str, Path] | None, dtype: torch.dtype
) -> ModelSizes:
    """Sizes of the networks whose files are found, read off their headers; of the published ones where files are absent."""
    paths, _ = locate(SONIC_FILES, tuple(folders or models_folders()), chosen)
    return sizes_of(*networks_on_meta(paths, dtype), small_decoder=small_decoder_on_meta(paths, dtype))


def sizes_of(
    unet: nn.Module,
    vae: nn.Module,
    clip: nn.Module,
    that_hear: Sequence[nn.Module] = (),
    small_decoder: nn.Module | None = None,
) -> ModelSizes:
    """that_hear: networks of the speech side; none = the published ones count."""
    return ModelSizes(
        module_bytes(unet),
        bytes_in_8_bits(unet),
        module_bytes(vae),
        module_bytes(clip),
        cast(Any, unet).config.block_out_channels[0],
        sum(map(module_bytes, that_hear)) or AUDIO_BYTES,
        module_bytes(small_decoder) if small_decoder else 0,
    )
