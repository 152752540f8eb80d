"""The sonic engine: the published Sonic model behind the engine protocol, exact or faster, within the memory there is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from ...progress import Progress, ignore
from ...runtime.devices import check_compiler, free_memory, release_cache
from ...settings import Settings
from ..base import Conditioning, Engine, Latents, StepStore
from ..declaration import CHOSEN, FOLDERS
from . import picture
from .audio_conditioning import condition_audio, key_frame_count, speech_activity, usable_audio
from .clip_sampling import ClipSampling, SonicFeatures
from .declaration import AUDIO_GUIDANCE, IMAGE_GUIDANCE, SONIC
from .decoding import ChunkedDecoder
from .denoiser import KEY_FPS
from .eight_bit import module_bytes
from .estimating import ClipEstimate, Mode, estimate_clip, sizes_of, sizes_without_loading
from .fitting import Fitting
from .framing import frame
from .interpolation import doubled
from .loading import SonicModel, load_sonic
from .planning import ENCODE_BYTES, MARGIN, Estimate, MemoryPlan
from .portrait_encoding import encode_portrait
from .presets import Preset
from .unet import SonicUNet
from .unet_storage import as_planned

log = logging.getLogger(__name__)

LATENT_PIXELS = 8  # rows and columns of the picture for one of the latents
# Those that `Mode.of` takes.
MODE_OPTIONS = ("preset", "reference", "device", "precision", "fp8", "reserve", "circular_windows")


class SonicEngine(Engine):
    """Latents are key frames `[N, 4, h, w]` at 12.5 fps; the decoder doubles their rate.

    folders, chosen: where the weights are (see `load_sonic`).  preset: exact, balanced, fast or preview.  reference: do everything as the
    published code does, seams and all: independent 30-s audio, circular windows, decoding in plain chunks of 8, one amplitude for both
    dials.  device: by default CUDA, then MPS, then the CPU; precision: fp16, bf16 or fp32, by default fp16 on a GPU.
    compile: run the UNet's blocks through torch.compile; pays on clips of more than a minute.  fp8: keep the UNet's weights in 8 bits;
    otherwise that is done where nothing else makes a clip fit.  reserve: GiB of the device's memory that others are to have.
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
        precision: str | None = None,
        compile: bool = False,
        fp8: bool = False,
        reserve: float = 0.0,
        circular_windows: bool = False,
        image_guidance: float = IMAGE_GUIDANCE,
        audio_guidance: float = AUDIO_GUIDANCE,
        ip_audio_scale: float = 1.0,
        model: SonicModel | None = None,
    ):
        self.mode = Mode.of(preset, reference, device, precision, fp8, reserve, circular_windows)
        self.image_guidance, self.audio_guidance, self.ip_audio_scale = image_guidance, audio_guidance, ip_audio_scale
        if compile:
            check_compiler(self.device)
        self.compile = compile
        self.model = model or load_sonic(folders, chosen, self.dtype)
        self.sizes = sizes_of(self.model.unet, self.model.vae, self.model.clip, self.model.that_hear)

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
        framed = frame(portrait, settings)
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
        framed = frame(portrait, settings, mask)
        self._make_room_for_encoders(framed.mask.size)
        progress("portrait", 0, 1)
        clip, reference = encode_portrait(self.model, framed.image, self.device, self.dtype)
        progress("portrait", 1, 1)

        progress("audio", 0, 1)
        key_frames = key_frame_count(audio, self.reference)
        activity = None if self.reference else speech_activity(audio, key_frames)
        conditions = condition_audio(self.model, to_mono_16k(audio), key_frames, clip, self.reference, activity)
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
        fitting = self._fitting(conditioning)
        guidance = self.image_guidance, self.audio_guidance
        clip = ClipSampling(conditioning.features, settings, self.mode, guidance, self._unet_for)
        try:
            with self.model.unet.room_for_every_shape(self.compile):  # compiled with the first pass
                samples = clip.run(fitting, steps, progress)
        finally:
            self.model.unet.unload_context()
        return Latents(samples, KEY_FPS, self.name)

    def decode(self, conditioning: Conditioning, latents: Latents, progress: Progress = ignore) -> FrameStream:
        """Exactly `frame_count` frames, decoded while they are read; every pass over the stream decodes anew."""
        paste = conditioning.paste
        whole = (paste.image if paste else conditioning.portrait.image).shape
        height, width = conditioning.features.image.shape[:2] if self.reference and not paste else whole[:2]
        overlap = 0 if self.reference else self.preset.decode_overlap

        def render() -> Iterator[Frame]:
            fitting = self._fitting(conditioning)

            def fit(decode: Callable[[int], Tensor]) -> Tensor:
                def under(plan: MemoryPlan) -> Tensor:
                    if plan.unload_unet:
                        self.model.unet.to("cpu")
                    self.model.vae.to(self.device)
                    if self.model.ifnet is not None:
                        self.model.ifnet.to(self.device)
                    return decode(plan.decode_chunk)

                return fitting.run("decoding", under)

            decoder = ChunkedDecoder(self.model.vae, fitting.plan.decode_chunk, overlap, fit)
            decoded = decoder(torch.as_tensor(latents.samples), progress)
            key_frames = ((picture_ * 0.5 + 0.5).clamp(0, 1) for picture_ in decoded)
            drawn = doubled(key_frames, self.model.ifnet, conditioning.frame_count)
            frames = (picture.as_pixels(frame_, truncate=self.reference) for frame_ in drawn)
            yield from (
                paste.stream(frames) if paste else (picture.brought_to(pixels, width, height) for pixels in frames)
            )

        return FrameStream(conditioning.frame_count, width, height, self.fps, render)

    def _fitting(self, conditioning: Conditioning) -> Fitting:
        ways = self.mode.plans(self.sizes, tuple(conditioning.features.reference.shape[-2:]))
        return Fitting(self.plan(conditioning), ways, self.device)

    def plan(self, conditioning: Conditioning) -> MemoryPlan:
        """How to fit this clip into the device's free memory."""
        return self.mode.plan(self.sizes, tuple(conditioning.features.reference.shape[-2:]), self._free())

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
        return estimate_clip(portrait, audio, settings, mask, self.mode, self.sizes, self._free())

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
        for network in (self.model.unet, self.model.vae, self.model.clip, self.model.ifnet):
            if network is not None:
                network.to("cpu")
        release_cache(self.device)

    def _unet_for(self, plan: MemoryPlan) -> SonicUNet:
        """The UNet on the device, as planned."""
        self.model = as_planned(self.model, plan.small_weights, self.compile, self.device)
        unet = self.model.unet
        unet.chunk_feed_forward(plan.chunked)
        unet.weigh_audio(self.ip_audio_scale)
        unet.to(self.device)
        return unet

    def _make_room_for_encoders(self, pixels: int) -> None:
        """Take the UNet of an earlier clip off a device that cannot hold the encoders' work beside it."""
        needed = self.sizes.clip + 2 * self.sizes.vae + ENCODE_BYTES * pixels
        if self.device.type != "cpu" and free_memory(self.device) < needed:
            self.model.unet.to("cpu")

    def _free(self) -> float:
        """Bytes of the device that this engine may use, with what its own networks hold there."""
        networks = (self.model.unet, self.model.vae, self.model.clip, *self.model.that_hear)
        held = sum(module_bytes(net) for net in networks if _is_on(net, self.device))
        return max(0.0, free_memory(self.device) + held - self.mode.reserve)

    def _preset_note(self, settings: Settings) -> tuple[str, ...]:
        steps = self.preset.steps(settings.inference_steps)
        if steps == settings.inference_steps:
            return ()
        return (f"Preset {self.preset.name} runs {steps} of the {settings.inference_steps} steps.",)


def _is_on(module: torch.nn.Module, device: torch.device) -> bool:
    where = next(module.parameters()).device
    return where.type == device.type and (device.index is None or where.index == device.index)
