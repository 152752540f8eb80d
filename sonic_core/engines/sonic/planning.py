"""What a clip will cost, and how to fit it into the memory there is: decided before anything runs.

Figures were counted at full size on meta tensors (live bytes operation by operation, attention without materialised scores;
FLOPs of convolutions, matrix products and attention, one multiply-add = 2): `tests/benchmarks/sonic_cost.py` counts them again.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...diffusion.schedule import karras_sigmas
from ...diffusion.windows import Windows
from ...errors import SonicError
from .denoiser import ALL
from .presets import Preset
from .savings import plan_steps

GIB = 2**30
ACTIVATION_BYTES = 18_500  # of a UNet pass, per branch, frame and latent position, in half precision at 320 channels
CHUNKED_ACTIVATION_BYTES = 10_800  # the same with feed-forward layers run frame by frame
DECODE_BYTES = 2_048  # of the VAE's decoder, per pixel of a chunk, in half precision
SHALLOW_SHARE = 0.214  # of a pass that runs the outermost layers only
RESERVE = 0.6 * GIB  # CUDA context, convolution workspaces, fragmentation
DECODE_CHUNKS = (8, 4, 2)


@dataclass(frozen=True)
class ModelSizes:
    """Bytes of the large networks, in the precision they work in.

    unet_in_8_bits: the UNet stored as `eight_bit` stores it.  channels: of the UNet's first level.
    """

    unet: int
    unet_in_8_bits: int
    vae: int
    clip: int
    channels: int


@dataclass(frozen=True)
class MemoryPlan:
    """together: guidance branches in one batch.  chunked: feed-forward layers frame by frame.  small_weights: UNet stored in 8 bits.

    unload_unet: the UNet leaves the device before decoding.  decode_chunk: frames decoded at once.  peak: bytes expected on the device.
    """

    together: bool
    chunked: bool
    small_weights: bool
    unload_unet: bool
    decode_chunk: int
    peak: int

    def described(self) -> str:
        parts = [
            "branches together" if self.together else "branches one by one",
            "feed-forward in chunks" if self.chunked else "",
            "UNet weights in 8 bits" if self.small_weights else "",
            "UNet unloaded before decoding" if self.unload_unet else "",
            f"{self.decode_chunk} frames decoded at once",
        ]
        return f"{', '.join(filter(None, parts))}; about {self.peak / GIB:.1f} GiB"


def choose_plan(
    free: float,
    sizes: ModelSizes,
    latent_size: tuple[int, int],
    window: int,
    element: int,
    may_batch: bool = True,
    small_weights: bool | None = None,
) -> MemoryPlan:
    """The fastest plan whose expected peak fits into `free` bytes.

    latent_size: rows, columns.  element: bytes per number, 2 for half precision.
    may_batch: branches in one batch gain something; on a CPU they do not.  small_weights: True = the UNet is stored in 8 bits in any case,
    False = it cannot be, None = where nothing else helps.
    Raises SonicError naming what the smallest plan needs.
    """
    positions = latent_size[0] * latent_size[1]
    unit = window * positions * element / 2 * sizes.channels / 320
    pixel_chunk = 64 * positions * DECODE_BYTES * element / 2
    smallest: MemoryPlan | None = None
    for together, chunked, small in _ways(may_batch, small_weights):
        weights = sizes.unet_in_8_bits if small else sizes.unet
        per_unit = CHUNKED_ACTIVATION_BYTES if chunked else ACTIVATION_BYTES
        sampling = weights + unit * per_unit * (3 if together else 1) + RESERVE
        for unload, chunk in ((False, DECODE_CHUNKS[0]), *((True, chunk) for chunk in DECODE_CHUNKS)):
            decoding = sizes.vae + chunk * pixel_chunk + RESERVE + (0 if unload else weights)
            plan = MemoryPlan(together, chunked, small, unload, chunk, round(max(sampling, decoding)))
            if plan.peak <= free:
                return plan
            smallest = plan if smallest is None or plan.peak < smallest.peak else smallest
    assert smallest is not None  # there is always a way
    raise SonicError(
        f"{free / GIB:.1f} GiB of memory are free; the smallest plan for {8 * latent_size[1]}x{8 * latent_size[0]} needs "
        f"{smallest.peak / GIB:.1f} GiB. Choose a smaller min_resolution, or free memory."
    )


def _ways(may_batch: bool, small_weights: bool | None) -> list[tuple[bool, bool, bool]]:
    """together, chunked, small: from the fastest to the one that needs least."""
    small = small_weights is True
    ways = [(True, False, small)] if may_batch else []
    ways += [(False, False, small), (False, True, small)]
    return ways if small_weights is not None else [*ways, (False, True, True)]


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.  passes: UNet passes of one branch over one window.  flops: of sampling and decoding."""

    key_frames: int
    steps: int
    passes: float
    flops: float
    plan: MemoryPlan

    def seconds(self, flops_per_second: float) -> float:
        return self.flops / flops_per_second

    def described(self, flops_per_second: float | None = None) -> str:
        time = f", about {self.seconds(flops_per_second):,.0f} s" if flops_per_second else ""
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
) -> Estimate:
    """Count the work of a clip at full model size."""
    sigmas = karras_sigmas(preset.steps(steps))
    positions = latent_size[0] * latent_size[1]
    passes = 0.0
    for i, (sigma, step) in enumerate(plan_steps(sigmas, preset).items()):
        branches = step.fresh if sigma > preset.guidance_floor else {ALL}
        cost = SHALLOW_SHARE if step.shallow else len(branches)
        passes += cost * sum(1 for _ in windows(key_frames, i // preset.substeps))
    flops = passes * pass_flops(min(window, key_frames), positions) + key_frames * decode_flops(positions)
    return Estimate(key_frames, len(sigmas) - 1, passes, flops, plan)


def pass_flops(frames: int, positions: int) -> float:
    """FLOPs of one branch through the full-size UNet; within 0.2 % of counting from 256x256 to 1024x1024."""
    return 2.797e8 * frames * positions + 7301 * frames * positions**2 + 1.13e4 * frames**2 * positions + 2.0e9 * frames


def decode_flops(positions: int) -> float:
    """FLOPs of decoding one frame with SVD's VAE: 3.04e12 at 512x512, 12.58e12 at 1024x1024."""
    return 7.345e8 * positions + 2030 * positions**2
