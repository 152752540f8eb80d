"""How to fit a clip into the memory there is: decided before anything runs.

Figures were counted at full size on meta tensors (live bytes operation by operation, attention without materialised scores):
`tests/benchmarks/sonic_cost.py` counts them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import SonicError

GIB = 2**30
ACTIVATION_BYTES = 18_500  # of a UNet pass, per branch, frame and latent position, in half precision at 320 channels
CHUNKED_ACTIVATION_BYTES = 10_800  # the same with feed-forward layers run frame by frame
DECODE_BYTES = 2_048  # of the VAE's decoder, per pixel of a chunk, in half precision
SMALL_DECODE_BYTES = 385  # of the small decoder, likewise
ENCODE_BYTES = 2_600  # of the VAE's encoder, per pixel of the picture, in single precision
AUDIO_BYTES = round(0.42 * GIB)  # of the published audio networks, which stay on the host in single precision
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
    small_decoder: 0 = there is none.
    """

    unet: int
    unet_in_8_bits: int
    vae: int
    clip: int
    channels: int
    audio: int = AUDIO_BYTES
    small_decoder: int = 0


@dataclass(frozen=True)
class MemoryPlan:
    """together: guidance branches in one batch.  chunked: feed-forward layers frame by frame.  small_weights: UNet stored in 8 bits.

    windows: of a step in one batch.  unload_unet: the UNet leaves the device before decoding.  decode_chunk: frames decoded at once.
    small_decoder: it decodes instead of the VAE.  encoding, sampling, decoding: bytes expected on the device in each stage.
    """

    together: bool
    chunked: bool
    small_weights: bool
    unload_unet: bool
    decode_chunk: int
    encoding: int = 0
    sampling: int = 0
    decoding: int = 0
    windows: int = 1
    small_decoder: bool = False

    @property
    def peak(self) -> int:
        """Bytes expected on the device at the worst moment."""
        return max(self.encoding, self.sampling, self.decoding)

    def described(self) -> str:
        parts = [
            f"{self.windows} windows together" if self.windows > 1 else "",
            "branches together" if self.together else "branches one by one",
            "feed-forward in chunks" if self.chunked else "",
            "UNet weights in 8 bits" if self.small_weights else "",
            "UNet unloaded before decoding" if self.unload_unet else "",
            f"{self.decode_chunk} frames decoded at once{' by the small decoder' if self.small_decoder else ''}",
        ]
        return f"{', '.join(filter(None, parts))}; about {self.peak / GIB:.1f} GiB"


@dataclass(frozen=True)
class Place:
    """What a device allows.  element: bytes per number, 2 for half precision.

    may_batch: branches in one batch gain something; on a CPU they do not.  small_weights: True = the UNet is stored in 8 bits in any case,
    False = it cannot be, None = where nothing else helps.  on_host: networks lie in the same memory whether they work or not.
    decode_chunks: numbers of frames that may be decoded at once, the fastest first.  small_decoder: it decodes, where there is one.
    windows: of a step that may go in one batch, at most.
    """

    element: int
    may_batch: bool = True
    small_weights: bool | None = None
    on_host: bool = False
    decode_chunks: tuple[int, ...] = DECODE_CHUNKS
    small_decoder: bool = False
    windows: int = 1


def plans(sizes: ModelSizes, latent_size: tuple[int, int], window: int, place: Place) -> list[MemoryPlan]:
    """Every way to make a clip, from the fastest to the one that needs least.  latent_size: rows, columns."""
    positions = latent_size[0] * latent_size[1]
    unit = window * positions * place.element / 2 * sizes.channels / 320
    small_decoder = place.small_decoder and sizes.small_decoder > 0
    pixel_chunk = 64 * positions * (SMALL_DECODE_BYTES if small_decoder else DECODE_BYTES) * place.element / 2
    decoder = sizes.small_decoder if small_decoder else sizes.vae
    idle = sizes.clip + sizes.vae + sizes.audio if place.on_host else 0
    single_vae = sizes.vae * 4 // place.element
    found = []
    for windows, together, chunked, small in _ways(place, positions):
        weights = sizes.unet_in_8_bits if small else sizes.unet
        per_unit = CHUNKED_ACTIVATION_BYTES if chunked else ACTIVATION_BYTES
        sampling = weights + unit * per_unit * (3 * windows if together else 1) + RESERVE + idle
        encoding = max(sizes.clip, single_vae + ENCODE_BYTES * 64 * positions) + RESERVE
        if place.on_host:
            encoding = weights + idle + ENCODE_BYTES * 64 * positions + RESERVE
            unloading = [(False, chunk) for chunk in place.decode_chunks]
        else:
            first = place.decode_chunks[0]
            unloading = [(False, first), *((True, chunk) for chunk in place.decode_chunks)]
        for unload, chunk in unloading:
            decoding = chunk * pixel_chunk + RESERVE + (idle or decoder) + (0 if unload else weights)
            stages = (round(encoding), round(sampling), round(decoding))
            found.append(MemoryPlan(together, chunked, small, unload, chunk, *stages, windows, small_decoder))
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
            if (way.windows, way.together, way.chunked, way.small_weights)
            == (plan.windows, plan.together, plan.chunked, plan.small_weights)
        ]
    return next(iter(less), None)


def _ways(place: Place, positions: int) -> list[tuple[int, bool, bool, bool]]:
    """windows, together, chunked, small: from the fastest to the one that needs least."""
    small = place.small_weights is True
    most = min(place.windows, MOST_SEQUENCES // (3 * positions)) if place.may_batch else 0
    ways = [(windows, True, False, small) for windows in range(most, 0, -1)]
    ways += [(1, False, False, small), (1, False, True, small)]
    return ways if place.small_weights is not None else [*ways, (1, False, True, True)]
