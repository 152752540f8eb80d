"""How much work a clip is: passes of the UNet and FLOPs of every stage, counted at full model size; no weight is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from ...diffusion.schedule import Sigmas, karras_sigmas
from ...diffusion.windows import Windows
from ...progress import time_in_words
from .denoiser import ALL
from .planning import MemoryPlan
from .presets import Preset
from .savings import plan_steps

PICTURE_SHARE = 0.5  # of decoding a frame: encoding the picture takes about that
SPEECH_FLOPS = 5e9  # of hearing a key frame, about
SHALLOW_SHARE = 0.214  # of a pass that runs the outermost layers only
SMALL_DECODE_FLOPS = 3.451e7  # of the small decoder, per latent position


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.  passes: UNet passes of one branch over one window.

    sampling, decoding, encoding: FLOPs of the UNet, of the VAE's decoder, and of what looks at the picture and listens.
    sampling_share, decoding_share: of that what the busiest device does, where several share it.
    """

    key_frames: int
    steps: int
    passes: float
    sampling: float
    decoding: float
    encoding: float
    plan: MemoryPlan
    sampling_share: float = 1.0
    decoding_share: float = 1.0

    @property
    def flops(self) -> float:
        return self.sampling + self.decoding + self.encoding

    def stages(self, flops_per_second: float) -> dict[str, float]:
        """Seconds of each stage that reports progress, where every device reaches so much."""
        busiest = {
            "audio": self.encoding,
            "sampling": self.sampling * self.sampling_share,
            "encoding": self.decoding * self.decoding_share,
        }
        return {stage: flops / flops_per_second for stage, flops in busiest.items()}

    def seconds(self, flops_per_second: float) -> float:
        return sum(self.stages(flops_per_second).values())

    def described(self, flops_per_second: float | None = None) -> str:
        time = f", about {time_in_words(self.seconds(flops_per_second))}" if flops_per_second else ""
        return (
            f"{self.key_frames} key frames, {self.steps} steps, {self.passes:,.0f} UNet passes, "
            f"{self.flops / 1e12:,.0f} TFLOP{time}; {self.plan.described()}"
        )


def estimate(
    key_frames: int,
    latent_size: tuple[int, int],
    steps: int,
    preset: Preset,
    windows: Windows,
    window: int,
    plan: MemoryPlan,
    devices: int = 1,
) -> Estimate:
    """Count the work of a clip at full model size.  devices: that share it."""
    sigmas = karras_sigmas(preset.steps(steps))
    positions = latent_size[0] * latent_size[1]
    costs = window_passes(sigmas, preset)
    counts = [sum(1 for _ in windows(key_frames, i)) for i in range(len(costs))]
    passes = sum(cost * count for cost, count in zip(costs, counts, strict=True))
    rounds = sum(cost * -(-count // devices) for cost, count in zip(costs, counts, strict=True))
    chunks = -(-key_frames // plan.decode_chunk)
    sampling = passes * pass_flops(min(window, key_frames), positions)
    decoding = key_frames * (small_decode_flops(positions) if plan.small_decoder else decode_flops(positions))
    encoding = PICTURE_SHARE * decode_flops(positions) + key_frames * SPEECH_FLOPS
    shares = rounds / passes, -(-chunks // devices) / chunks
    return Estimate(key_frames, len(sigmas) - 1, passes, sampling, decoding, encoding, plan, *shares)


def window_passes(sigmas: Sigmas, preset: Preset, shallow_share: float = SHALLOW_SHARE) -> list[float]:
    """UNet passes of one branch that a window takes at each of the sampler's steps.  sigmas: [S + 1] of all steps, groups not yet made."""
    costs = [
        shallow_share if step.shallow else float(len(step.fresh if sigma > preset.guidance_floor else {ALL}))
        for sigma, step in plan_steps(sigmas, preset).items()
    ]
    return [sum(costs[i : i + preset.substeps]) for i in range(0, len(costs), preset.substeps)]


def pass_flops(frames: int, positions: int) -> float:
    """FLOPs of one branch through the full-size UNet; within 0.2 % of counting from 256x256 to 1024x1024."""
    return 2.797e8 * frames * positions + 7301 * frames * positions**2 + 1.13e4 * frames**2 * positions + 2.0e9 * frames


def decode_flops(positions: int) -> float:
    """FLOPs of decoding one frame with SVD's VAE: 3.04e12 at 512x512, 12.58e12 at 1024x1024."""
    return 7.345e8 * positions + 2030 * positions**2


def small_decode_flops(positions: int) -> float:
    """FLOPs of decoding one frame with the small decoder: 0.14e12 at 512x512."""
    return SMALL_DECODE_FLOPS * positions
