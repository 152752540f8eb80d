"""What a clip will cost, and how to fit it into the memory there is: decided before anything runs.

Figures were counted at full size on meta tensors (live bytes operation by operation, attention without materialised scores;
FLOPs of convolutions, matrix products and attention, one multiply-add = 2): `tests/benchmarks/sonic_cost.py` counts them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...diffusion.schedule import Sigmas, karras_sigmas
from ...diffusion.windows import Windows
from ...errors import SonicError
from ...progress import time_in_words
from .denoiser import ALL
from .presets import Preset
from .savings import plan_steps

GIB = 2**30
ACTIVATION_BYTES = 18_500  # of a UNet pass, per branch, frame and latent position, in half precision at 320 channels
CHUNKED_ACTIVATION_BYTES = 10_800  # the same with feed-forward layers run frame by frame
DECODE_BYTES = 2_048  # of the VAE's decoder, per pixel of a chunk, in half precision
ENCODE_BYTES = 2_600  # of the VAE's encoder, per pixel of the picture, in single precision
AUDIO_BYTES = round(0.42 * GIB)  # of the published audio networks, which stay on the host in single precision
PICTURE_SHARE = 0.5  # of decoding a frame: encoding the picture takes about that
SPEECH_FLOPS = 5e9  # of hearing a key frame, about
SHALLOW_SHARE = 0.214  # of a pass that runs the outermost layers only
RESERVE = 0.6 * GIB  # CUDA context, convolution workspaces, fragmentation
MARGIN = 1.08  # free memory over expected peak, for what counting does not see
DECODE_CHUNKS = (8, 4, 2)
MOST_SEQUENCES = (
    65_535  # in one attention call: CUDA's grids end there, and temporal attention has one per branch and position
)


@dataclass(frozen=True)
class ModelSizes:
    """Bytes of the networks, in the precision they work in.

    unet_in_8_bits: the UNet stored as `eight_bit` stores it.  channels: of the UNet's first level.  audio: of the networks that hear.
    """

    unet: int
    unet_in_8_bits: int
    vae: int
    clip: int
    channels: int
    audio: int = AUDIO_BYTES


@dataclass(frozen=True)
class MemoryPlan:
    """together: guidance branches in one batch.  chunked: feed-forward layers frame by frame.  small_weights: UNet stored in 8 bits.

    unload_unet: the UNet leaves the device before decoding.  decode_chunk: frames decoded at once.
    encoding, sampling, decoding: bytes expected on the device in each stage.
    """

    together: bool
    chunked: bool
    small_weights: bool
    unload_unet: bool
    decode_chunk: int
    encoding: int = 0
    sampling: int = 0
    decoding: int = 0

    @property
    def peak(self) -> int:
        """Bytes expected on the device at the worst moment."""
        return max(self.encoding, self.sampling, self.decoding)

    def described(self) -> str:
        parts = [
            "branches together" if self.together else "branches one by one",
            "feed-forward in chunks" if self.chunked else "",
            "UNet weights in 8 bits" if self.small_weights else "",
            "UNet unloaded before decoding" if self.unload_unet else "",
            f"{self.decode_chunk} frames decoded at once",
        ]
        return f"{', '.join(filter(None, parts))}; about {self.peak / GIB:.1f} GiB"


@dataclass(frozen=True)
class Place:
    """What a device allows.  element: bytes per number, 2 for half precision.

    may_batch: branches in one batch gain something; on a CPU they do not.  small_weights: True = the UNet is stored in 8 bits in any case,
    False = it cannot be, None = where nothing else helps.  on_host: networks lie in the same memory whether they work or not.
    decode_chunks: numbers of frames that may be decoded at once, the fastest first.
    """

    element: int
    may_batch: bool = True
    small_weights: bool | None = None
    on_host: bool = False
    decode_chunks: tuple[int, ...] = DECODE_CHUNKS


def plans(sizes: ModelSizes, latent_size: tuple[int, int], window: int, place: Place) -> list[MemoryPlan]:
    """Every way to make a clip, from the fastest to the one that needs least.  latent_size: rows, columns."""
    positions = latent_size[0] * latent_size[1]
    unit = window * positions * place.element / 2 * sizes.channels / 320
    pixel_chunk = 64 * positions * DECODE_BYTES * place.element / 2
    idle = sizes.clip + sizes.vae + sizes.audio if place.on_host else 0
    single_vae = sizes.vae * 4 // place.element
    found = []
    for together, chunked, small in _ways(place, positions):
        weights = sizes.unet_in_8_bits if small else sizes.unet
        per_unit = CHUNKED_ACTIVATION_BYTES if chunked else ACTIVATION_BYTES
        sampling = weights + unit * per_unit * (3 if together else 1) + RESERVE + idle
        encoding = max(sizes.clip, single_vae + ENCODE_BYTES * 64 * positions) + RESERVE
        if place.on_host:
            encoding = weights + idle + ENCODE_BYTES * 64 * positions + RESERVE
            unloading = [(False, chunk) for chunk in place.decode_chunks]
        else:
            first = place.decode_chunks[0]
            unloading = [(False, first), *((True, chunk) for chunk in place.decode_chunks)]
        for unload, chunk in unloading:
            decoding = chunk * pixel_chunk + RESERVE + (idle or sizes.vae) + (0 if unload else weights)
            stages = (round(encoding), round(sampling), round(decoding))
            found.append(MemoryPlan(together, chunked, small, unload, chunk, *stages))
    return found


def choose_plan(free: float, sizes: ModelSizes, latent_size: tuple[int, int], window: int, place: Place) -> MemoryPlan:
    """The fastest plan whose expected peak fits into `free` bytes with a margin.  Raises SonicError naming what the smallest needs."""
    ways = plans(sizes, latent_size, window, place)
    chosen = next((plan for plan in ways if plan.peak * MARGIN <= free), None)
    if chosen is not None:
        return chosen
    raise too_small(free, ways, latent_size)


def too_small(free: float, ways: Sequence[MemoryPlan], latent_size: tuple[int, int]) -> SonicError:
    """The error of a device that even the smallest of the plans does not fit into."""
    least = min(plan.peak for plan in ways) * MARGIN
    told = (
        f"{free / GIB:.1f} GiB of memory are free; the smallest plan for {8 * latent_size[1]}x{8 * latent_size[0]} needs "
        f"{least / GIB:.1f} GiB."
    )
    if len({plan.decode_chunk for plan in ways}) == 1:
        return SonicError(
            f"{told} Leave reference out (it decodes 8 frames at once), choose a smaller min_resolution, or free memory."
        )
    return SonicError(f"{told} Choose a smaller min_resolution, or free memory.")


def smaller(ways: Sequence[MemoryPlan], plan: MemoryPlan, stage: str) -> MemoryPlan | None:
    """The next way that needs less in a stage ("sampling" or "decoding") than `plan`, which failed there; None = there is none.

    What the other stage does is kept where it can be.
    """
    needed = getattr(plan, stage)
    less = [way for way in ways if getattr(way, stage) < needed]
    if stage == "decoding":  # the UNet has done its work: how it would do it again does not matter
        less = [
            way
            for way in less
            if (way.together, way.chunked, way.small_weights) == (plan.together, plan.chunked, plan.small_weights)
        ]
    return next(iter(less), None)


def _ways(place: Place, positions: int) -> list[tuple[bool, bool, bool]]:
    """together, chunked, small: from the fastest to the one that needs least."""
    small = place.small_weights is True
    ways = [(True, False, small)] if place.may_batch and 3 * positions <= MOST_SEQUENCES else []
    ways += [(False, False, small), (False, True, small)]
    return ways if place.small_weights is not None else [*ways, (False, True, True)]


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
    decoding = key_frames * decode_flops(positions)
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
