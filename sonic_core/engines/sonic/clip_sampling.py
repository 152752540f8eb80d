"""Sampling a whole clip: schedule, guidance, savings and windows put together, step by step, under a memory plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...diffusion.guidance import three_branch, within
from ...diffusion.sampler import sample_euler
from ...diffusion.schedule import Sigmas, karras_sigmas
from ...progress import Progress
from ...runtime.long_tensors import long_tensor
from ...settings import Settings
from ..base import StepStore
from .audio_conditioning import AudioConditions
from .denoiser import Conditions, SonicDenoiser
from .estimating import Mode
from .fitting import Fitting
from .planning import MemoryPlan
from .previews import latent_preview
from .sampling import EnduringDenoiser, KeptSteps, noisy_start
from .savings import PlannedPredictions, in_groups, levels_in_groups, plan_steps
from .unet import SonicUNet
from .window_work import Lane, Windowing
from .work_count import window_passes


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

    guidance: how strongly picture and recording guide.  unet_for: the UNet of a lane as a memory plan wants it, on the lane's device.
    preview: draws a picture of latents [N, 4, h, w].
    """

    features: SonicFeatures
    settings: Settings
    mode: Mode
    guidance: tuple[float, float]
    unet_for: Callable[[int, MemoryPlan], SonicUNet]
    preview: Callable[[Tensor], NDArray[np.uint8]] = latent_preview

    @torch.no_grad()
    def run(self, fittings: Sequence[Fitting], steps: StepStore | None, progress: Progress) -> Tensor:
        """Latents [N, 4, h, w] of the clip's key frames.

        fittings: the plan in force on each of the mode's devices.  steps: where finished ones are kept, and those to go on from.
        """
        features, settings, mode, preset = self.features, self.settings, self.mode, self.mode.preset
        sigmas = karras_sigmas(preset.steps(settings.inference_steps))
        length, size = len(features.audio.tokens), features.image.shape[:2]
        differences: dict[int, Tensor] = {}
        windowing = Windowing(window_passes(sigmas, preset), mode.windows, length, progress)
        windowing.lanes = [
            self._lane(number, fitting, sigmas, differences, windowing.look) for number, fitting in enumerate(fittings)
        ]
        levels = levels_in_groups(sigmas, preset.substeps)

        kept = KeptSteps(steps, differences)
        start = features.reference, length, size, settings.seed, float(levels[0])
        first, x = kept.resumed() or (0, noisy_start(*start, mode.published_draw))
        windowing.begin(first)
        return sample_euler(
            windowing,
            x,
            levels,
            mode.windows,
            windowing.after_step,
            self.preview,
            first,
            kept.keep,
            long_tensor,
            together=len(fittings) * min(fitting.plan.windows for fitting in fittings),
        )

    def _lane(
        self, number: int, fitting: Fitting, sigmas: Sigmas, differences: dict[int, Tensor], look: Callable[[], None]
    ) -> Lane:
        """What denoises windows on one of the devices."""
        preset = self.mode.preset
        denoiser = EnduringDenoiser(lambda plan: self._denoiser(number, plan, look), fitting)
        if preset.name == "exact":
            denoise, _ = in_groups(three_branch(denoiser, *self.guidance), sigmas, preset.substeps)
            return Lane(fitting.device, denoise)
        predict = PlannedPredictions(denoiser, plan_steps(sigmas, preset), len(self.features.audio.tokens), differences)
        scales = (within(scale, preset.guidance_floor, float("inf")) for scale in self.guidance)
        denoise, _ = in_groups(three_branch(predict, *scales), sigmas, preset.substeps)
        return Lane(fitting.device, denoise, predict.settle)

    def _denoiser(self, number: int, plan: MemoryPlan, look: Callable[[], None]) -> SonicDenoiser:
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
        unet = self.unet_for(number, plan)
        return SonicDenoiser(unet, conditions, plan.together, keep_deep, windows=plan.windows, look=look)
