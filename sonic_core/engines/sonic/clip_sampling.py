"""Sampling a whole clip: schedule, guidance, savings and windows put together, step by step, under a memory plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...diffusion.guidance import Branches, Scale, three_branch, within
from ...diffusion.sampler import sample_euler
from ...diffusion.schedule import karras_sigmas
from ...progress import Progress
from ...runtime.long_tensors import long_tensor
from ...settings import Settings
from ..base import StepStore
from .audio_conditioning import AudioConditions
from .denoiser import Conditions, SonicDenoiser
from .estimating import Mode
from .fitting import Fitting
from .planning import MemoryPlan, window_passes
from .previews import latent_preview
from .sampling import EnduringDenoiser, KeptSteps, WindowByWindow, noisy_start
from .savings import PlannedPredictions, in_groups, plan_steps
from .unet import SonicUNet


@dataclass(frozen=True)
class SonicFeatures:
    """What `prepare` leaves for `sample`; amplitudes and seed are applied there.

    image: RGB uint8 at the working size.  reference: [4, h, w] its latent.  mask: [1, 1, H, W].  clip: [1, C].
    """

    image: NDArray[np.uint8]
    reference: Tensor
    mask: Tensor
    clip: Tensor
    audio: AudioConditions


@dataclass(frozen=True)
class ClipSampling:
    """One clip to be sampled.

    guidance: how strongly picture and recording guide.  unet_for: the UNet as a memory plan wants it, on its device.
    """

    features: SonicFeatures
    settings: Settings
    mode: Mode
    guidance: tuple[float, float]
    unet_for: Callable[[MemoryPlan], SonicUNet]

    @torch.no_grad()
    def run(self, fitting: Fitting, steps: StepStore | None, progress: Progress) -> Tensor:
        """Latents [N, 4, h, w] of the clip's key frames.  steps: where finished ones are kept, and those to go on from."""
        features, settings, mode, preset = self.features, self.settings, self.mode, self.mode.preset
        sigmas = karras_sigmas(preset.steps(settings.inference_steps))
        length, size = len(features.audio.tokens), features.image.shape[:2]
        denoiser = EnduringDenoiser(self._denoiser, fitting)
        predict: Branches = denoiser
        image_scale: Scale
        audio_scale: Scale
        image_scale, audio_scale = self.guidance
        differences: dict[int, Tensor] = {}
        if preset.name != "exact":
            predict = PlannedPredictions(denoiser, plan_steps(sigmas, preset), length, differences)
            image_scale = within(image_scale, preset.guidance_floor, float("inf"))
            audio_scale = within(audio_scale, preset.guidance_floor, float("inf"))
        denoise, levels = in_groups(three_branch(predict, image_scale, audio_scale), sigmas, preset.substeps)
        costs = window_passes(sigmas, preset)
        window_by_window = WindowByWindow(denoise, mode.device, costs, mode.windows, length, progress)

        kept = KeptSteps(steps, differences)
        first, x = kept.resumed() or (0, noisy_start(features.reference, length, size, settings.seed, float(levels[0])))
        window_by_window.begin(first)
        return sample_euler(
            window_by_window,
            x,
            levels,
            mode.windows,
            window_by_window.after_step,
            latent_preview,
            first,
            kept.keep,
            long_tensor,
        )

    def _denoiser(self, plan: MemoryPlan) -> SonicDenoiser:
        features, settings = self.features, self.settings
        both_dials = settings.motion_scale, settings.dynamic_scale
        amplitude = (settings.dynamic_scale,) * 2 if self.mode.reference else both_dials
        conditions = Conditions(
            image_latent=features.reference,
            clip=features.clip,
            audio=features.audio.tokens,
            silence=features.audio.silence,
            buckets=features.audio.buckets * torch.tensor(amplitude),
            mask=features.mask,
        )
        keep_deep = self.mode.preset.substeps > 1
        return SonicDenoiser(self.unet_for(plan), conditions, together=plan.together, keep_deep=keep_deep)
