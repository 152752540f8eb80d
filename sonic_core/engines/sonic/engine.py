"""The sonic engine: the published Sonic model behind the engine protocol, exact or faster, within the memory there is."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...audio.clip import AudioClip
from ...audio.resampling import to_mono_16k
from ...diffusion.guidance import Branches, Denoise, Scale, three_branch, within
from ...diffusion.sampler import sample_euler
from ...diffusion.schedule import Sigmas, karras_sigmas
from ...diffusion.windows import Windows
from ...errors import SonicError
from ...frames import Frame, FrameStream
from ...portrait.framing import shown_size
from ...portrait.portrait import Portrait
from ...progress import Progress, ignore
from ...runtime.devices import check_compiler, compiles_8_bit_floats, free_memory
from ...settings import Settings
from ..base import Conditioning, Engine, Latents
from ..declaration import CHOSEN, FOLDERS
from . import picture
from .audio_conditioning import (
    AudioConditions,
    condition_audio,
    key_frame_count,
    quiet_in_pauses,
    speech_activity,
    usable_audio,
)
from .declaration import SONIC
from .decoding import ChunkedDecoder, encode_picture
from .denoiser import KEY_FPS, Conditions, SonicDenoiser, starting_latents
from .eight_bit import is_in_8_bits, module_bytes, store_in_8_bits
from .estimating import ClipEstimate, Mode, estimate_clip, sizes_of, sizes_without_loading
from .framing import frame
from .interpolation import doubled
from .loading import SonicModel, load_sonic
from .planning import Estimate, MemoryPlan
from .presets import Preset
from .previews import latent_preview
from .savings import PlannedPredictions, in_groups, plan_steps
from .unet import SonicUNet

log = logging.getLogger(__name__)

IMAGE_SCALE, AUDIO_SCALE = 2.0, 7.5
MODE_OPTIONS = ("preset", "reference", "device", "precision", "fp8")  # those that `Mode.of` takes
ENCODER_BYTES = 3 * 2**10  # per pixel of the picture that is encoded, in float32


@dataclass(frozen=True)
class SonicFeatures:
    """What `prepare` leaves for `sample`; amplitudes and seed are applied there.

    image: RGB uint8 at the working size.  reference: [4, h, w] its latent.  mask: [1, 1, H, W].  clip: [1, C].  tokens: [N, T, C].
    """

    image: NDArray[np.uint8]
    reference: Tensor
    mask: Tensor
    clip: Tensor
    audio: AudioConditions
    tokens: Tensor


class SonicEngine(Engine):
    """Latents are key frames `[N, 4, h, w]` at 12.5 fps; the decoder doubles their rate.

    folders, chosen: where the weights are (see `load_sonic`).  preset: exact, balanced, fast or preview.  reference: do everything as the
    published code does, seams and all: independent 30-s audio, circular windows, decoding in plain chunks of 8, one amplitude for both
    dials.  device: by default CUDA, then MPS, then the CPU; precision: fp16, bf16 or fp32, by default fp16 on a GPU.
    compile: run the UNet's blocks through torch.compile; pays on clips of more than a minute.  fp8: keep the UNet's weights in 8 bits;
    otherwise that is done where nothing else makes a clip fit.  model: networks loaded already.
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
        model: SonicModel | None = None,
    ):
        self.mode = Mode.of(preset, reference, device, precision, fp8)
        if compile:
            check_compiler(self.device)
        self.compile = compile
        self.model = model or load_sonic(folders, chosen, self.dtype)
        self.sizes = sizes_of(self.model.unet, self.model.vae, self.model.clip)

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
        mode = {"preset": self.preset.name, "precision": precision, "reference": self.reference}
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
        clip = self._clip_embedding(framed.image)
        reference = self._reference_latent(framed.image)
        progress("portrait", 1, 1)

        progress("audio", 0, 1)
        key_frames = key_frame_count(audio, self.reference)
        conditions = condition_audio(self.model, to_mono_16k(audio), key_frames, clip, self.reference)
        tokens = conditions.tokens
        if not self.reference:
            tokens = quiet_in_pauses(conditions, speech_activity(audio, len(tokens)))
        progress("audio", 1, 1)
        mask_tensor = picture.mask_tensor(framed.mask)
        return Conditioning(
            engine=self.name,
            portrait=framed.portrait,
            audio=audio,
            features=SonicFeatures(framed.image, reference, mask_tensor, clip, conditions, tokens),
            frame_count=audio.frame_count(self.fps),
            fps=self.fps,
            settings=settings,
            paste=framed.paste,
            notes=audio.notes + framed.notes + settings.notes + self._preset_note(settings),
        )

    @torch.no_grad()
    def sample(self, conditioning: Conditioning, settings: Settings, progress: Progress = ignore) -> Latents:
        features: SonicFeatures = conditioning.features
        plan = self.plan(conditioning)
        log.info("sonic: %s", self.estimate(conditioning, settings).described())
        sigmas = karras_sigmas(self.preset.steps(settings.inference_steps))
        denoiser = self._denoiser(features, settings, plan)
        image_scale: Scale = IMAGE_SCALE
        audio_scale: Scale = AUDIO_SCALE
        predict: Branches = denoiser
        if self.preset.name != "exact":
            predict = PlannedPredictions(denoiser, plan_steps(sigmas, self.preset))
            image_scale = within(IMAGE_SCALE, self.preset.guidance_floor, float("inf"))
            audio_scale = within(AUDIO_SCALE, self.preset.guidance_floor, float("inf"))
        denoise, levels = in_groups(three_branch(predict, image_scale, audio_scale), sigmas, self.preset.substeps)

        x = starting_latents(features.reference, self._noise(features, settings.seed), float(levels[0])).to(self.device)
        denoise = _watched(denoise, levels, progress)
        try:
            with self.model.unet.room_for_every_shape():
                samples = sample_euler(denoise, x, levels, self.windows, progress, latent_preview)
        finally:
            self.model.unet.unload_context()
        return Latents(samples.cpu(), KEY_FPS, self.name)

    def decode(self, conditioning: Conditioning, latents: Latents, progress: Progress = ignore) -> FrameStream:
        """Exactly `frame_count` frames, decoded while they are read; every pass over the stream decodes anew."""
        plan = self.plan(conditioning)
        overlap = 0 if self.reference else self.preset.decode_overlap
        decoder = ChunkedDecoder(self.model.vae, 8 if self.reference else plan.decode_chunk, overlap)
        paste = conditioning.paste
        whole = (paste.image if paste else conditioning.portrait.image).shape
        height, width = conditioning.features.image.shape[:2] if self.reference and not paste else whole[:2]
        ifnet = self.model.ifnet and self.model.ifnet.to(self.device)

        def render() -> Iterator[Frame]:
            if plan.unload_unet:
                self.model.unet.to("cpu")
            self.model.vae.to(self.device)
            key_frames = (
                (picture_ * 0.5 + 0.5).clamp(0, 1) for picture_ in decoder(torch.as_tensor(latents.samples), progress)
            )
            drawn = doubled(key_frames, ifnet, conditioning.frame_count)
            frames = (_as_pixels(frame_, truncate=self.reference) for frame_ in drawn)
            yield from paste.stream(frames) if paste else (_resized(pixels, width, height) for pixels in frames)

        return FrameStream(conditioning.frame_count, width, height, self.fps, render)

    def plan(self, conditioning: Conditioning) -> MemoryPlan:
        """How to fit this clip into the device's free memory."""
        return self.mode.plan(self.sizes, tuple(conditioning.features.reference.shape[-2:]), self._free())

    def estimate(self, conditioning: Conditioning, settings: Settings) -> Estimate:
        """Work and memory of `sample` and `decode`, without running them."""
        features: SonicFeatures = conditioning.features
        height, width = features.reference.shape[-2:]
        steps = settings.inference_steps
        return self.mode.estimate(len(features.tokens), (height, width), steps, self.plan(conditioning))

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
        return estimate_clip(portrait, audio, settings, mask, mode, sizes, free_memory(mode.device))

    def rest(self) -> None:
        """Take the networks off the device, so that others can use its memory; the next clip brings them back."""
        for network in (self.model.unet, self.model.vae, self.model.clip, self.model.ifnet):
            if network is not None:
                network.to("cpu")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _denoiser(self, features: SonicFeatures, settings: Settings, plan: MemoryPlan) -> SonicDenoiser:
        unet = self._unet_for(plan)
        unet.chunk_feed_forward(plan.chunked)
        unet.to(self.device)
        amplitude = (settings.dynamic_scale,) * 2 if self.reference else (settings.motion_scale, settings.dynamic_scale)
        conditions = Conditions(
            image_latent=features.reference,
            clip=features.clip,
            audio=features.tokens,
            silence=features.audio.silence,
            buckets=features.audio.buckets * torch.tensor(amplitude),
            mask=features.mask,
        )
        return SonicDenoiser(unet, conditions, together=plan.together, keep_deep=self.preset.substeps > 1)

    def _unet_for(self, plan: MemoryPlan) -> SonicUNet:
        """The UNet with its weights as planned, whatever an earlier clip had them stored in; compiled where that is wanted and possible."""
        if plan.small_weights:
            store_in_8_bits(self.model.unet)
        elif is_in_8_bits(self.model.unet):
            if self.model.read_unet is None:
                log.warning("The UNet's weights stay in 8 bits, to which an earlier clip's memory drove them.")
            else:
                self.model = replace(self.model, unet=self.model.read_unet())
        unet = self.model.unet
        if self.compile and (not is_in_8_bits(unet) or compiles_8_bit_floats(self.device)):
            unet.compile_blocks()
        elif self.compile:
            log.warning("This GPU cannot run compiled code with weights in 8 bits; the UNet is not compiled.")
            unet.run_as_written()
        return unet

    def _noise(self, features: SonicFeatures, seed: int) -> Tensor:
        """[N, 4, h, w] as the published code draws it on a CPU: after noise for the picture, which it does not use."""
        generator = torch.Generator().manual_seed(seed)
        torch.randn(1, 3, *features.image.shape[:2], generator=generator)
        return torch.randn(len(features.tokens), *features.reference.shape, generator=generator)

    def _free(self) -> float:
        """Bytes of the device that this engine may use, with what its own large networks hold there."""
        held = sum(module_bytes(net) for net in (self.model.unet, self.model.vae) if _is_on(net, self.device))
        return free_memory(self.device) + held

    def _make_room_for_encoders(self, pixels: int) -> None:
        """Take the UNet of an earlier clip off a device that cannot hold the encoders' work beside it."""
        needed = self.sizes.clip + 2 * self.sizes.vae + ENCODER_BYTES * pixels
        if self.device.type != "cpu" and free_memory(self.device) < needed:
            self.model.unet.to("cpu")

    @torch.no_grad()
    def _clip_embedding(self, image: NDArray[np.uint8]) -> Tensor:
        clip = self.model.clip.to(self.device)
        embedding = clip(picture.clip_tensor(image).to(self.device, self.dtype)).image_embeds.float().cpu()
        clip.to("cpu")
        return embedding

    def _reference_latent(self, image: NDArray[np.uint8]) -> Tensor:
        """Encoded in float32, as half precision can overflow in this encoder."""
        vae = torch.nn.Module.to(self.model.vae, self.device, torch.float32)
        latent = encode_picture(vae, picture.reference_tensor(image)).cpu()
        torch.nn.Module.to(vae, "cpu", self.dtype)
        return latent

    def _preset_note(self, settings: Settings) -> tuple[str, ...]:
        steps = self.preset.steps(settings.inference_steps)
        if steps == settings.inference_steps:
            return ()
        return (f"Preset {self.preset.name} runs {steps} of the {settings.inference_steps} steps.",)


def _watched(denoise: Denoise, levels: Sigmas, progress: Progress) -> Denoise:
    """Stop the work between windows, as a step over a long clip takes minutes: when `progress` says so, or when numbers overflow."""
    steps = {level: i for i, level in enumerate(levels.tolist())}

    def denoise_watched(x: Tensor, sigma: float, frames: NDArray[np.int64]) -> Tensor:
        progress("sampling", steps[sigma], len(steps) - 1)
        denoised = denoise(x, sigma, frames)
        if not denoised.isfinite().all():
            raise SonicError(
                "The UNet's numbers overflow, so that every frame would be black. Choose precision bf16 or fp32; where that does "
                "not help, its weights are damaged: download them again."
            )
        return denoised

    return denoise_watched


def _is_on(module: torch.nn.Module, device: torch.device) -> bool:
    where = next(module.parameters()).device
    return where.type == device.type and (device.index is None or where.index == device.index)


def _as_pixels(frame_: Tensor, truncate: bool) -> NDArray[np.uint8]:
    """[3, H, W] in 0..1 -> uint8 [H, W, 3]; the published code truncates, which darkens by half a step."""
    values = frame_.permute(1, 2, 0).float().cpu().numpy() * 255
    return (values if truncate else np.round(values)).astype(np.uint8)


def _resized(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinking = width * height < pixels.shape[0] * pixels.shape[1]
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)
