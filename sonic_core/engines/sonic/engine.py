"""The sonic engine: the published Sonic model behind the engine protocol, exact or faster, within the memory there is."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...audio.clip import AudioClip
from ...audio.resampling import to_mono_16k
from ...diffusion.windows import CircularWindows, Windows
from ...frames import Frame, FrameStream
from ...portrait.framing import shown_size
from ...portrait.portrait import Portrait
from ...progress import Heartbeat, Progress, ignore
from ...runtime.devices import check_compiler, free_memory
from ...settings import Settings
from ..base import Conditioning, Engine, Latents, StepStore
from ..declaration import CHOSEN, FOLDERS
from . import picture
from .audio_conditioning import condition_audio, key_frame_count, speech_activity, usable_audio
from .clip_decoding import ClipDecoding
from .clip_sampling import ClipSampling, SonicFeatures
from .declaration import AUDIO_GUIDANCE, IMAGE_GUIDANCE, SONIC
from .denoiser import KEY_FPS
from .estimating import ClipEstimate, Mode, estimate_clip, sizes_of, sizes_without_loading
from .fitting import Fitting
from .framing import frame
from .loading import SonicModel, load_sonic
from .networks_on_devices import DeviceNetworks
from .planning import MARGIN, MemoryPlan
from .portrait_encoding import encode_portrait
from .presets import Preset
from .previews import latent_preview
from .small_decoder import decoded_preview
from .work_count import Estimate

log = logging.getLogger(__name__)

LATENT_PIXELS = 8  # rows and columns of the picture for one of the latents
MODE_OPTIONS = tuple(inspect.signature(Mode.of).parameters)


class SonicEngine(Engine):
    """Latents are key frames `[N, 4, h, w]` at 12.5 fps; the decoder doubles their rate.

    folders, chosen: where the weights are (see `load_sonic`).  preset: exact, balanced, fast or preview.  reference: do everything as the
    published code does, seams and all: independent 30-s audio, circular windows, decoding in plain chunks of 8, one amplitude for both
    dials.  device: by default CUDA, then MPS, then the CPU; precision: fp16, bf16 or fp32, by default fp16 on a GPU.
    compile: run the UNet's blocks through torch.compile; pays on clips of more than a minute.  fp8: keep the UNet's weights in 8 bits;
    otherwise that is done where nothing else makes a clip fit.  reserve: GiB of the device's memory that others are to have.
    devices: several that share every step's windows and decoding, with commas between: "cuda:0,cuda:1"; instead of `device`.
    windows_together: of a step in one batch, at most, on a GPU with room.  keep_resolution: frames are brought to the picture's own size.
    circular_windows: join the clip's end to its start.  image_guidance, audio_guidance, ip_audio_scale: of the published recipe.
    model: networks loaded already.
    """

    declaration = SONIC

    def __init__(
        self,
        folders: Sequence[Path] | None = None,
        chosen: Mapping[str, Path] | None = None,
        preset: str = "exact",
        reference: bool = False,
        device: str | None = None,
        devices: str | None = None,
        precision: str | None = None,
        compile: bool = False,
        fp8: bool = False,
        reserve: float = 0.0,
        circular_windows: bool = False,
        image_guidance: float = IMAGE_GUIDANCE,
        audio_guidance: float = AUDIO_GUIDANCE,
        ip_audio_scale: float = 1.0,
        windows_together: int = 1,
        keep_resolution: bool = False,
        model: SonicModel | None = None,
    ):
        self.mode = Mode.of(
            preset,
            reference,
            device,
            precision,
            fp8,
            reserve,
            circular_windows,
            devices,
            windows_together,
            keep_resolution,
        )
        self.image_guidance, self.audio_guidance, self.ip_audio_scale = image_guidance, audio_guidance, ip_audio_scale
        if compile:
            check_compiler(self.device)
        self.compile = compile
        first = model or load_sonic(folders, chosen, self.dtype)
        self.networks = DeviceNetworks(first, self.mode.devices, compile, ip_audio_scale, self.mode.reserve)
        model = self.model
        self.sizes = sizes_of(model.unet, model.vae, model.clip, model.that_hear, model.small_decoder)

    @property
    def model(self) -> SonicModel:
        """The networks of the first device."""
        return self.networks.models[0]

    @property
    def device(self) -> torch.device:
        return self.mode.device

    @property
    def dtype(self) -> torch.dtype:
        return self.mode.dtype

    @property
    def preset(self) -> Preset:
        return self.mode.preset

    @property
    def reference(self) -> bool:
        return self.mode.reference

    @property
    def windows(self) -> Windows:
        return self.mode.windows

    def frame_size(self, portrait: Portrait, settings: Settings) -> tuple[int, int]:
        framed = frame(portrait, settings, keep_resolution=self.mode.keep_resolution)
        return shown_size(framed.portrait, framed.paste)

    @property
    def identity(self) -> dict[str, object]:
        """What latents depend on besides picture, recording and settings: the networks and how they are used."""
        precision = "fp8" if self.mode.fp8 else str(self.dtype).removeprefix("torch.")
        mode = {
            "preset": self.preset.name,
            "precision": precision,
            "reference": self.reference,
            "circular windows": isinstance(self.windows, CircularWindows),
            "guidance": [self.image_guidance, self.audio_guidance, self.ip_audio_scale],
        }
        return {**mode, "weights": dict(self.model.fingerprints)}

    def prepare(
        self,
        portrait: Portrait,
        audio: AudioClip,
        settings: Settings,
        progress: Progress = ignore,
        mask: NDArray[np.uint8] | None = None,
    ) -> Conditioning:
        """Frame the portrait, encode it once and the recording once.

        mask: uint8 [H, W] over the portrait's picture, where audio may act, instead of the grown face box.
        """
        audio = usable_audio(audio, settings)
        framed = frame(portrait, settings, mask, self.mode.keep_resolution)
        self.networks.make_room_for_encoders(self.sizes, framed.mask.size)
        progress("portrait", 0, 1)
        look = Heartbeat(lambda: progress("portrait", 0, 1))
        clip, reference = encode_portrait(self.model, framed.image, self.device, self.dtype, look)
        progress("portrait", 1, 1)

        progress("audio", 0, 1)
        key_frames = key_frame_count(audio, self.reference)
        activity = None if self.reference else speech_activity(audio, key_frames)
        look = Heartbeat(lambda: progress("audio", 0, 1))
        conditions = condition_audio(self.model, to_mono_16k(audio), key_frames, clip, self.reference, activity, look)
        progress("audio", 1, 1)
        mask_tensor = picture.mask_tensor(framed.mask)
        return Conditioning(
            engine=self.name,
            portrait=framed.portrait,
            audio=audio,
            features=SonicFeatures(framed.image, reference, mask_tensor, clip, conditions),
            frame_count=audio.frame_count(self.fps),
            fps=self.fps,
            settings=settings,
            paste=framed.paste,
            notes=audio.notes + framed.notes + settings.notes + self._preset_note(settings),
            warnings=self.model.left_out,
        )

    def sample(self, conditioning: Conditioning, settings: Settings, progress: Progress = ignore) -> Latents:
        return self._sampled(conditioning, settings, None, progress)

    def sample_in_steps(
        self, conditioning: Conditioning, settings: Settings, steps: StepStore, progress: Progress = ignore
    ) -> Latents:
        return self._sampled(conditioning, settings, steps, progress)

    def _sampled(
        self, conditioning: Conditioning, settings: Settings, steps: StepStore | None, progress: Progress
    ) -> Latents:
        log.info("sonic: %s", self.estimate(conditioning, settings).described())
        fittings = self._fittings(conditioning)
        guidance = self.image_guidance, self.audio_guidance
        clip = ClipSampling(conditioning.features, settings, self.mode, guidance, self.networks.unet_for, self._preview)
        try:
            with self.model.unet.room_for_every_shape(self.compile):  # compiled with the first pass
                samples = clip.run(fittings, steps, progress)
        finally:
            for model in self.networks.models:
                model.unet.unload_context()
        return Latents(samples, KEY_FPS, self.name)

    def decode(self, conditioning: Conditioning, latents: Latents, progress: Progress = ignore) -> FrameStream:
        """Exactly `frame_count` frames, decoded while they are read; every pass over the stream decodes anew."""
        paste = conditioning.paste
        whole = (paste.image if paste else conditioning.portrait.image).shape
        as_generated = self.reference and not paste and not self.mode.keep_resolution
        height, width = conditioning.features.image.shape[:2] if as_generated else whole[:2]
        overlap = 0 if self.reference else self.preset.decode_overlap

        def render() -> Iterator[Frame]:
            clip = ClipDecoding(self.networks.models, self.networks.ready_to_decode, overlap, self._decodes_small)
            samples = torch.as_tensor(latents.samples)
            drawn = clip.run(samples, conditioning.frame_count, self._fittings(conditioning), progress)
            frames = (picture.as_pixels(frame_, truncate=self.reference) for frame_ in drawn)
            yield from (
                paste.stream(frames) if paste else (picture.brought_to(pixels, width, height) for pixels in frames)
            )

        return FrameStream(conditioning.frame_count, width, height, self.fps, render)

    def _fittings(self, conditioning: Conditioning) -> list[Fitting]:
        size = tuple(conditioning.features.reference.shape[-2:])
        ways = self.mode.plans(self.sizes, size)
        return [
            Fitting(self.mode.plan(self.sizes, size, self.networks.free(one)), ways, one) for one in self.mode.devices
        ]

    def plan(self, conditioning: Conditioning) -> MemoryPlan:
        """How to fit this clip into the first device's free memory."""
        return self.mode.plan(
            self.sizes, tuple(conditioning.features.reference.shape[-2:]), self.networks.free(self.device)
        )

    def estimate(self, conditioning: Conditioning, settings: Settings) -> Estimate:
        """Work and memory of `sample` and `decode`, without running them."""
        features: SonicFeatures = conditioning.features
        height, width = features.reference.shape[-2:]
        steps = settings.inference_steps
        return self.mode.estimate(len(features.audio.tokens), (height, width), steps, self.plan(conditioning))

    def expected_cost(
        self, portrait: Portrait, audio: AudioClip, settings: Settings, mask: NDArray[np.uint8] | None = None
    ) -> ClipEstimate:
        """What making a clip will cost, before anything of it is done."""
        return estimate_clip(portrait, audio, settings, mask, self.mode, self.sizes, self.networks.free(self.device))

    @classmethod
    def cost_without_weights(
        cls,
        options: Mapping[str, Any],
        portrait: Portrait,
        audio: AudioClip,
        settings: Settings,
        mask: NDArray[np.uint8] | None = None,
    ) -> ClipEstimate:
        """The files' headers say how large the networks are; where files are absent, the published ones count."""
        mode = Mode.of(**{name: value for name, value in options.items() if name in MODE_OPTIONS})
        sizes = sizes_without_loading(options.get(FOLDERS), options.get(CHOSEN), mode.dtype)
        return estimate_clip(portrait, audio, settings, mask, mode, sizes, free_memory(mode.device) - mode.reserve)

    def memory_wanted(self, width: int, height: int) -> float:
        """What the fastest plan needs."""
        latent_size = (max(1, height // LATENT_PIXELS), max(1, width // LATENT_PIXELS))
        return MARGIN * self.mode.plans(self.sizes, latent_size)[0].peak

    def rest(self) -> None:
        """Take the networks off the device, so that others can use its memory; the next clip brings them back."""
        self.networks.rest()

    @property
    def _decodes_small(self) -> bool:
        return self.preset.small_decoder and self.model.small_decoder is not None

    def _preview(self, latents: Tensor) -> NDArray[np.uint8]:
        if self.model.small_decoder is None:
            return latent_preview(latents)
        return decoded_preview(self.model.small_decoder.to(self.device, self.dtype), latents)

    def _preset_note(self, settings: Settings) -> tuple[str, ...]:
        steps, notes = self.preset.steps(settings.inference_steps), []
        if steps != settings.inference_steps:
            notes.append(f"Preset {self.preset.name} runs {steps} of the {settings.inference_steps} steps.")
        if self._decodes_small:
            notes.append(f"Preset {self.preset.name} is decoded by the small decoder: rough, and quick.")
        return tuple(notes)
