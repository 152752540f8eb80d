"""What a card does: a window's passes and a chunk's decoding timed at several sizes, and seconds per second of video from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ...diffusion.schedule import karras_sigmas
from ...errors import ModelMissingError, SonicError
from ...progress import Progress, ignore
from ...runtime.devices import free_memory, is_out_of_memory, release_cache, sustained_rate
from .audio_nets import AudioToBucket, AudioToToken
from .building import published_vae_and_clip
from .card_table import Card, CardRow
from .decoding import VaeDecode
from .denoiser import ALL, NOTHING, PICTURE, Conditions, SonicDenoiser
from .engine import SonicEngine
from .estimating import WINDOW, Mode, open_windows
from .loading import SonicModel
from .planning import GIB, MemoryPlan
from .presets import PRESETS, Preset
from .small_decoder import SmallDecode
from .unet import SonicUNet
from .work_count import SHALLOW_SHARE, decode_flops, pass_flops, small_decode_flops, window_passes

SIZES = (512, 768, 1024)
SECONDS = 280.0
CLIP_SECONDS, STEPS, KEY_FPS = 20.0, 25, 12.5  # of the clip that seconds are worked out for
SLOW = 5.0  # s: work that takes as long is not repeated
REPEATS = 3
TOKENS, CONTEXT = 32, 1024  # of the published audio networks
UNET_WEIGHTS = 1_575_741_162  # of the published UNet
MODE_NAMES = ("device", "devices", "precision", "fp8", "reserve", "windows_together")
WEIGHT = 0.02  # standard deviation of random weights


def measure_card(
    options: Mapping[str, Any],
    progress: Progress = ignore,
    sizes: Sequence[int] = SIZES,
    seconds: float = SECONDS,
    random: Callable[[Mode], SonicModel] | None = None,
) -> Card:
    """options: the engine's.  seconds: that it may take; sizes that would take longer are counted.  random: makes networks where there are
    no weights, None = of the published size."""
    until = time.monotonic() + seconds
    mode = Mode.of(**{name: value for name, value in options.items() if name in MODE_NAMES})
    rate = sustained_rate(mode.device, mode.dtype)
    rows: list[CardRow] = []
    faults: list[str] = []
    engine, invented = _engine(options, mode, random or random_published, rate, until)
    if engine is None:
        faults.append("This device is too slow for the published networks: everything is counted.")
    rate /= _of_published(engine)
    for number, side in enumerate(sizes):
        progress("benchmark", number, len(sizes))
        last = rows[-1] if rows and rows[-1].measured else None
        foreseen = _foreseen(side, last, rate) * (1 + REPEATS)
        if engine is None or foreseen > until - time.monotonic():
            rows.append(_counted(side, mode, engine, last, rate))
            continue
        try:
            rows.append(_timed(engine, side))
        except Exception as error:
            if not isinstance(error, SonicError) and not is_out_of_memory(error):
                raise
            release_cache(engine.device)
            faults.append(f"{side} px: {error}")
    progress("benchmark", len(sizes), len(sizes))
    compiled = bool(options.get("compile")) and engine is not None
    return Card(_in_words(mode.device), str(mode.dtype).removeprefix("torch."), compiled, invented, rows, faults)


def random_published(mode: Mode) -> SonicModel:
    """UNet and VAE of the published size with random weights on the device; what hears and CLIP have shapes only."""
    with torch.device("meta"):
        unet = nn.Module.to(SonicUNet(), mode.dtype)
        vae, clip = published_vae_and_clip(mode.dtype)
        tokens = AudioToToken(50 * 384, 1024, TOKENS, CONTEXT)
        buckets = AudioToBucket(50 * 384 + CONTEXT, 1024)
    for network in (unet, vae):
        network.to_empty(device=mode.device)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.normal_(0, WEIGHT)
        network.eval().requires_grad_(False)
    return SonicModel(unet, vae, clip, tokens, buckets, encoder=None)  # type: ignore[arg-type]  # nothing is heard


def preset_seconds(preset: Preset, full: float, shallow: float, decode: float) -> float:
    """Seconds of work for each second of video, from those of the parts."""
    key_frames = round(CLIP_SECONDS * KEY_FPS)
    passes = window_passes(karras_sigmas(preset.steps(STEPS)), preset, shallow / full)
    windows = open_windows(preset)
    sampling = sum(cost * sum(1 for _ in windows(key_frames, step)) for step, cost in enumerate(passes))
    return (sampling * full + key_frames * decode) / CLIP_SECONDS


def _engine(
    options: Mapping[str, Any], mode: Mode, random: Callable[[Mode], SonicModel], rate: float, until: float
) -> tuple[SonicEngine | None, bool]:
    """The engine with its weights, or with random ones (True); None where even the smallest size would take too long."""
    wanted = {name: value for name, value in options.items() if name not in ("preset", "reference")}
    try:
        return SonicEngine(**wanted), False
    except ModelMissingError:
        if random is random_published and _foreseen(SIZES[0], None, rate) > until - time.monotonic():
            return None, True
        wanted = {name: value for name, value in wanted.items() if name not in ("folders", "chosen")}
        return SonicEngine(**wanted, model=random(mode)), True


def _timed(engine: SonicEngine, side: int) -> CardRow:
    latent = side // 8
    device = engine.device
    release_cache(device)
    plan = engine.mode.plan(engine.sizes, (latent, latent), engine.networks.free(device))
    _forget_peak(device)
    unet = engine.networks.unet_for(0, plan)
    denoiser = SonicDenoiser(
        unet, _conditions(unet, latent), together=plan.together, keep_deep=True, windows=plan.windows
    )
    frames = np.tile(np.arange(WINDOW), (plan.windows, 1))
    x = torch.randn(plan.windows, WINDOW, 4, latent, latent, device=device)
    with unet.room_for_every_shape(engine.compile):
        full = _seconds(lambda: denoiser(x, 1.0, frames, (NOTHING, PICTURE, ALL)), device) / 3 / plan.windows
        shallow = _seconds(lambda: denoiser.shallow(x, 1.0, frames), device) / plan.windows
    unet.unload_context()
    decode, rough = _seconds_of_decoding(engine, plan, x[0, : plan.decode_chunk])
    presets = _by_preset(full, shallow, decode, rough)
    planned = max(plan.sampling, plan.decoding) / GIB
    return CardRow(side, plan.described(), planned, _peak(device), full, shallow, decode, presets)


def _seconds_of_decoding(engine: SonicEngine, plan: MemoryPlan, latents: torch.Tensor) -> tuple[float, float]:
    """Seconds of a key frame: by the VAE, and by the small decoder where there is one."""
    small = engine.model.small_decoder
    engine.networks.ready_to_decode(0, plan, False)
    decode = _seconds(lambda: VaeDecode(engine.model.vae)(latents), engine.device) / len(latents)
    if small is None:
        return decode, decode
    engine.networks.ready_to_decode(0, plan, True)
    return decode, _seconds(lambda: SmallDecode(small)(latents), engine.device) / len(latents)


def _by_preset(full: float, shallow: float, decode: float, rough: float) -> dict[str, float]:
    """rough: seconds of a key frame for those presets that the small decoder decodes."""
    return {
        name: preset_seconds(preset, full, shallow, rough if preset.small_decoder else decode)
        for name, preset in PRESETS.items()
    }


def _of_published(engine: SonicEngine | None) -> float:
    """How large its UNet is, 1 = as published: about so much less work is a pass."""
    return sum(parameter.numel() for parameter in engine.model.unet.parameters()) / UNET_WEIGHTS if engine else 1.0


def _counted(side: int, mode: Mode, engine: SonicEngine | None, last: CardRow | None, rate: float) -> CardRow:
    """From FLOPs, at the pace of the size before it or at the rate of a product."""
    positions = (side // 8) ** 2
    flops = pass_flops(WINDOW, positions), decode_flops(positions)
    full, decode = (flop / rate for flop in flops)
    shallow = SHALLOW_SHARE * full
    if last is not None:
        before = (last.side // 8) ** 2
        full = last.full * flops[0] / pass_flops(WINDOW, before)
        shallow = last.shallow * full / last.full
        decode = last.decode * flops[1] / decode_flops(before)
    has_small = engine is not None and engine.model.small_decoder is not None
    rough = decode * small_decode_flops(positions) / flops[1] if has_small else decode
    presets = _by_preset(full, shallow, decode, rough)
    plan = _plan(side, mode, engine)
    told = plan.described() if plan else "does not fit"
    return CardRow(side, told, plan.peak / GIB if plan else 0.0, None, full, shallow, decode, presets, measured=False)


def _plan(side: int, mode: Mode, engine: SonicEngine | None) -> MemoryPlan | None:
    from .estimating import sizes_without_loading

    sizes = engine.sizes if engine else sizes_without_loading((), None, mode.dtype)
    try:
        return mode.plan(sizes, (side // 8, side // 8), free_memory(mode.device) - mode.reserve)
    except SonicError:
        return None


def _foreseen(side: int, last: CardRow | None, rate: float) -> float:
    """Seconds that one look at a size takes."""
    positions = (side // 8) ** 2
    if last is None:
        return (3.3 * pass_flops(WINDOW, positions) + 8 * decode_flops(positions)) / rate
    grown = pass_flops(WINDOW, positions) / pass_flops(WINDOW, (last.side // 8) ** 2)
    return grown * (3 * last.full + last.shallow + 8 * last.decode)


def _conditions(unet: SonicUNet, latent: int) -> Conditions:
    width = unet.config.cross_attention_dim
    mask = torch.zeros(1, 1, 8 * latent, 8 * latent)
    mask[..., 2 * latent : 6 * latent, 2 * latent : 6 * latent] = 1
    return Conditions(
        image_latent=torch.randn(4, latent, latent),
        clip=torch.randn(1, width),
        audio=torch.randn(WINDOW, TOKENS, width),
        silence=torch.randn(1, TOKENS, width),
        buckets=torch.full((WINDOW, 2), 20.0),
        mask=mask,
    )


def _seconds(work: Callable[[], Any], device: torch.device) -> float:
    """The quickest of a few; of slow work the first alone, as loading what computes it weighs little there."""
    best = _once(work, device)
    for _ in range(REPEATS if best < SLOW else 0):
        best = min(best, _once(work, device))
    return best


@torch.no_grad()
def _once(work: Callable[[], Any], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type in ("cuda", "xpu"):
        getattr(torch, device.type).synchronize(device)  # without it, of the current one
    elif device.type == "mps":
        torch.mps.synchronize()


def _forget_peak(device: torch.device) -> None:
    if device.type in ("cuda", "xpu"):
        getattr(torch, device.type).reset_peak_memory_stats(device)


def _peak(device: torch.device) -> float | None:
    """GiB that the device's tensors took at most, what PyTorch had reserved for them."""
    if device.type not in ("cuda", "xpu"):
        return None
    return getattr(torch, device.type).max_memory_reserved(device) / GIB


def _in_words(device: torch.device) -> str:
    if device.type != "cuda":
        return f"{device}, torch {torch.__version__}"
    card = torch.cuda.get_device_properties(device)
    return f"{card.name}, {card.total_memory / GIB:.0f} GiB, CUDA {torch.version.cuda}, torch {torch.__version__}"
