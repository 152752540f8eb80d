"""From files to a `SonicModel`: find them, read them, and say everything that is wrong with them at once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLTemporalDecoder
from torch import Tensor, nn

from ...between.flownet import build_ifnet
from ...between.rife import IFNet
from ...errors import ModelMissingError
from ...hearing.any_wav2vec2 import Wav2Vec2Encoder
from ...models.fingerprint import fingerprint
from ...models.locate import locate, models_folders, report_problems
from ...models.weights import Renaming, read_shapes, read_sidecar, read_weights
from . import svd_single_file
from .audio_encoder import WhisperStates
from .audio_nets import AudioToBucket, AudioToToken
from .building import (
    build_bucket_net,
    build_clip,
    build_token_net,
    build_unet,
    build_vae,
    build_whisper,
    published_vae_and_clip,
)
from .declaration import SONIC
from .files import SMALL_DECODER, SONIC_FILES
from .small_decoder import build_small_decoder
from .unet import SonicUNet

OPTIONAL = frozenset(file.key for file in SONIC_FILES if file.optional)
Read = Callable[[Path, Renaming], dict[str, Tensor]]
"""`read_weights` or `read_shapes`."""


@dataclass(frozen=True)
class SonicModel:
    """The networks of the sonic engine, on the CPU.

    encoder: Whisper or Wav2Vec2.  ifnet: None = interpolate by optical flow.
    small_decoder: for previews, None = colours of the latents.  fingerprints: of the files, by key (models/fingerprint.py).
    read_unet: the UNet once more from its file, for when its weights were stored in 8 bits; None = they stay so.
    left_out: sentences about optional files that are there and cannot be used.
    """

    unet: SonicUNet
    vae: AutoencoderKLTemporalDecoder
    clip: nn.Module
    audio_to_token: AudioToToken
    audio_to_bucket: AudioToBucket
    encoder: WhisperStates | Wav2Vec2Encoder
    ifnet: IFNet | None = None
    small_decoder: nn.Module | None = None
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    read_unet: Callable[[], SonicUNet] | None = None
    left_out: tuple[str, ...] = ()

    @property
    def that_hear(self) -> tuple[nn.Module, ...]:
        """The networks of the speech side."""
        return tuple(
            net for net in (self.audio_to_token, self.audio_to_bucket, self.encoder) if isinstance(net, nn.Module)
        )


def load_sonic(
    folders: Sequence[Path] | None = None,
    chosen: Mapping[str, Path] | None = None,
    dtype: torch.dtype = torch.float32,
) -> SonicModel:
    """Load the networks found in models folders.

    chosen: paths by key (unet, audio2token, audio2bucket, audio_encoder, svd, flownet) that go before what the folders hold.
    dtype: of UNet, VAE and CLIP; the small audio networks stay in float32.
    Raises ModelMissingError with the list of every file that is missing, truncated or not what it should be; of optional ones that are
    there and cannot be used only where others are missed, as the engine does without them.
    """
    folders = tuple(folders or models_folders())
    paths, missing = locate(SONIC_FILES, folders, chosen)
    paths = with_named_encoder(paths, chosen)
    missing = [file for file in missing if file.key not in paths]
    parts, faults = networks_in(paths, dtype)
    if missing or faults.keys() - OPTIONAL:
        raise report_problems(SONIC.name, missing, list(faults.values()), folders, chosen)
    check_together(parts, paths)
    fingerprints = {key: fingerprint(path) for key, path in paths.items() if key not in (SMALL_DECODER, *faults)}
    left_out = tuple(
        f"An optional file cannot be used, and the clip is made without it. {fault}" for fault in faults.values()
    )
    return SonicModel(
        **parts, fingerprints=fingerprints, read_unet=partial(unet_in, paths["unet"], dtype), left_out=left_out
    )


def with_own_large_networks(model: SonicModel) -> SonicModel:
    """A second model for a second device: what works on each is copied, all else shared."""
    return replace(
        model,
        unet=copy.deepcopy(model.unet),
        vae=copy.deepcopy(model.vae),
        small_decoder=copy.deepcopy(model.small_decoder),
    )


def networks_in(
    paths: Mapping[str, Path], dtype: torch.dtype, read: Read = read_weights
) -> tuple[dict[str, Any], dict[str, str]]:
    """The networks of the files that can be used, by the fields of `SonicModel`; and faults of the others by key.

    read: `read_shapes` gives networks without numbers.
    """
    parts: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for key, load in _LOADERS.items():
        if key in paths:
            try:
                parts.update(load(paths[key], dtype, read))
            except ModelMissingError as error:
                faults[key] = f"{paths[key]}: {str(error).removeprefix(f'{paths[key]} ')}"
    return parts, faults


def networks_on_meta(paths: Mapping[str, Path], dtype: torch.dtype) -> tuple[nn.Module, nn.Module, nn.Module]:
    """UNet, VAE and CLIP without weights: as the files say, or as published where there are none."""
    with torch.device("meta"):
        unet = unet_in(paths["unet"], dtype, read_shapes) if "unet" in paths else nn.Module.to(SonicUNet(), dtype)
        vae, clip = _svd(paths["svd"], dtype, read_shapes) if "svd" in paths else published_vae_and_clip(dtype)
    return unet, vae, clip


def small_decoder_on_meta(paths: Mapping[str, Path], dtype: torch.dtype) -> nn.Module | None:
    """The small decoder without weights; None where there is none that could be used."""
    own = {key: path for key, path in paths.items() if key == SMALL_DECODER}
    with torch.device("meta"):
        return networks_in(own, dtype, read_shapes)[0].get(SMALL_DECODER)


def with_named_encoder(paths: Mapping[str, Path], chosen: Mapping[str, Path] | None) -> dict[str, Path]:
    """The paths, with the speech encoder that the checkpoint names unless the user chose one."""
    return dict(paths) if "audio_encoder" in (chosen or {}) else {**paths, **_named_encoder(paths)}


def _named_encoder(paths: Mapping[str, Path]) -> dict[str, Path]:
    """The speech encoder that the config.json beside audio2token names (`audio_encoder`: a folder), if it names one."""
    tokens = paths.get("audio2token")
    name = read_sidecar(tokens).get("audio_encoder") if tokens else None
    if tokens is None or not isinstance(name, str):
        return {}
    folder = tokens.parent / name
    if not folder.exists():
        raise ModelMissingError(
            f"{tokens.parent / 'config.json'} names the speech encoder {name!r}; {folder} does not exist."
        )
    return {"audio_encoder": folder}


def unet_in(path: Path, dtype: torch.dtype, read: Read = read_weights) -> SonicUNet:
    return build_unet(read(path, _as_it_is), _own_config(path, "unet"), dtype)


def _svd(path: Path, dtype: torch.dtype, read: Read = read_weights) -> tuple[AutoencoderKLTemporalDecoder, nn.Module]:
    """VAE and CLIP vision from a diffusers folder or from the single file."""
    if path.is_dir():
        vae, clip = path / "vae", path / "image_encoder"
        return (
            build_vae(read(weights_in(vae), _as_it_is), read_sidecar(vae), dtype),
            build_clip(read(weights_in(clip), _as_it_is), read_sidecar(clip), dtype),
        )
    file = read(path, svd_single_file.wanted)
    sidecar = read_sidecar(path)
    return (
        build_vae(svd_single_file.vae_weights(file), sidecar.get("vae"), dtype),
        build_clip(svd_single_file.clip_weights(file), sidecar.get("image_encoder"), dtype),
    )


def _as_it_is(name: str) -> str:
    return name


def _load_unet(path: Path, dtype: torch.dtype, read: Read) -> dict[str, Any]:
    return {"unet": unet_in(path, dtype, read)}


def _load_token_net(path: Path, dtype: torch.dtype, read: Read) -> dict[str, Any]:
    return {"audio_to_token": build_token_net(read(path, _as_it_is))}


def _load_bucket_net(path: Path, dtype: torch.dtype, read: Read) -> dict[str, Any]:
    return {"audio_to_bucket": build_bucket_net(read(path, _as_it_is))}


def _load_encoder(path: Path, dtype: torch.dtype, read: Read) -> dict[str, Any]:
    sidecar = read_sidecar(path)
    if sidecar.get("model_type") == "wav2vec2":
        return {"encoder": Wav2Vec2Encoder(path)}
    return {"encoder": WhisperStates.around(build_whisper(read(weights_in(path), _as_it_is), sidecar))}


def _load_svd(path: Path, dtype: torch.dtype, read: Read) -> dict[str, Any]:
    vae, clip = _svd(path, dtype, read)
    return {"vae": vae, "clip": clip}


def _load_flownet(path: Path, dtype: torch.dtype, read: Read) -> dict[str, Any]:
    return {"ifnet": build_ifnet(read(path, _as_it_is))}


def _load_small_decoder(path: Path, dtype: torch.dtype, read: Read) -> dict[str, Any]:
    return {"small_decoder": build_small_decoder(read(path, _as_it_is))}


_LOADERS: dict[str, Callable[[Path, torch.dtype, Read], dict[str, Any]]] = {
    "unet": _load_unet,
    "audio2token": _load_token_net,
    "audio2bucket": _load_bucket_net,
    "audio_encoder": _load_encoder,
    "svd": _load_svd,
    "flownet": _load_flownet,
    SMALL_DECODER: _load_small_decoder,
}


def _own_config(path: Path, part: str) -> dict[str, Any]:
    """A part's section of the config.json beside the weights, or the whole file where it has no sections."""
    config = read_sidecar(path)
    return config.get(part, config)


def weights_in(path: Path) -> Path:
    """The weights file of a folder in the manner of diffusers and transformers, or the file itself."""
    if path.is_file():
        return path
    names = (
        "diffusion_pytorch_model.safetensors",
        "diffusion_pytorch_model.fp16.safetensors",
        "model.safetensors",
        "model.fp16.safetensors",
        "diffusion_pytorch_model.bin",
        "pytorch_model.bin",
    )
    found = next((path / name for name in names if (path / name).is_file()), None)
    if found is None:
        raise ModelMissingError(f"{path} holds none of {', '.join(names)}; put the weights there.")
    return found


def check_together(parts: Mapping[str, Any], paths: Mapping[str, Path]) -> None:
    """Networks that fit one by one must also fit each other."""
    encoder, tokens, unet = parts["encoder"], parts["audio_to_token"], parts["unet"]
    positions = tokens.proj1.in_features / (encoder.layers * encoder.width)
    if positions != 10:
        raise ModelMissingError(
            f"{paths['audio2token']} takes {tokens.proj1.in_features} numbers per frame, but {paths['audio_encoder']} gives "
            f"{10 * encoder.layers * encoder.width} (10 positions of {encoder.layers} states of {encoder.width}). "
            "Put the speech encoder there that this checkpoint was trained with."
        )
    if tokens.width != unet.config.cross_attention_dim:
        raise ModelMissingError(
            f"{paths['audio2token']} makes tokens of {tokens.width} numbers, {paths['unet']} expects "
            f"{unet.config.cross_attention_dim}; they belong to different checkpoints."
        )
