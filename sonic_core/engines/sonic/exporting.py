"""The networks of the sonic engine that run once a step or once a clip, as .onnx files: speech encoder, audio nets and the UNet.

The engine itself computes with PyTorch; the files are for other programs.  Picture encoder and VAE are SVD's own and not exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import ModelMissingError
from ...models.locate import locate, models_folders, report_problems
from ...models.weights import read_sidecar, read_weights
from ...progress import Progress, ignore
from ...runtime.network import NetworkSpec
from ...runtime.onnx_export import Exported, export_network
from ..declaration import CHOSEN, FOLDERS
from .attention import AttentionContext
from .audio_encoder import CHUNK_POSITIONS, states_of
from .audio_nets import AudioToBucket, AudioToToken
from .audio_windows import BUCKET_SPAN, TOKEN_SPAN
from .building import build_bucket_net, build_token_net, build_whisper
from .declaration import SONIC
from .estimating import WINDOW
from .files import SONIC_FILES
from .loading import unet_in, weights_in
from .unet import SonicUNet

KEYS = ("audio_encoder", "audio2token", "audio2bucket", "unet")
PLACE = __name__
LATENTS = 8  # channels: four noisy ones, four of the picture
SIZES = ({"height": 16, "width": 24}, {"height": 24, "width": 16})
"""Latents at which an exported UNet is tried: 128 x 192 px."""
LEVELS = 4  # of the UNet, each half as wide and high as the one before
KEY_FRAMES = ({"frames": 5}, {"frames": 1})


def export_onnx(folder: Path, options: Mapping[str, Any], progress: Progress = ignore) -> list[Exported]:
    """Write speech encoder, audio nets and UNet into `folder`.  Raises ModelMissingError, OutputError, SettingsError."""
    folders = tuple(options.get(FOLDERS) or models_folders())
    wanted = tuple(file for file in SONIC_FILES if file.key in KEYS)
    paths, missing = locate(wanted, folders, options.get(CHOSEN))
    if missing:
        raise report_problems(SONIC.name, missing, [], folders)
    if read_sidecar(paths["audio_encoder"]).get("model_type") == "wav2vec2":
        raise ModelMissingError(
            f"{paths['audio_encoder']} is a Wav2Vec2; only the published speech encoder, Whisper, is exported. Leave it out, or "
            "export that one with optimum."
        )
    specs = sonic_specs(paths)
    exported = []
    for done, spec in enumerate(specs):
        progress("exporting", done, len(specs))
        exported.append(export_network(spec, folder))
    progress("exporting", len(specs), len(specs))
    return exported


def sonic_specs(paths: Mapping[str, Path]) -> list[NetworkSpec]:
    """The networks in files, which are given by their keys in the manifest."""
    heard = speech_encoder(paths["audio_encoder"]).network.config
    mels, layers, width = heard.num_mel_bins, heard.encoder_layers + 1, heard.d_model
    tokens = token_net(paths["audio2token"])
    clip = bucket_net(paths["audio2bucket"]).proj1.in_features - BUCKET_SPAN * width
    levels = range(LEVELS)
    masks: dict[str, tuple[str | int, ...]] = {f"mask_{level}": (1, f"places_{level}", 1) for level in levels}
    sizes = [
        size | {f"places_{level}": (size["height"] >> level) * (size["width"] >> level) for level in levels}
        for size in SIZES
    ]
    return [
        NetworkSpec(
            key="sonic-speech-encoder",
            purpose="speech encoder of sonic",
            weights=paths["audio_encoder"],
            maker=f"{PLACE}:speech_encoder",
            inputs={"mel": (1, mels, 2 * CHUNK_POSITIONS)},
            outputs={"states": (CHUNK_POSITIONS, layers, width)},
            tried_at=({},),
        ),
        NetworkSpec(
            key="sonic-audio2token",
            purpose="audio2token of sonic",
            weights=paths["audio2token"],
            maker=f"{PLACE}:token_net",
            inputs={"windows": ("frames", TOKEN_SPAN, layers, width)},
            outputs={"tokens": ("frames", tokens.tokens, tokens.width)},
            tried_at=KEY_FRAMES,
        ),
        NetworkSpec(
            key="sonic-audio2bucket",
            purpose="audio2bucket of sonic",
            weights=paths["audio2bucket"],
            maker=f"{PLACE}:bucket_net",
            inputs={"windows": ("frames", BUCKET_SPAN, 1, width), "clip": (1, clip)},
            outputs={"buckets": ("frames", 2)},
            tried_at=KEY_FRAMES,
        ),
        NetworkSpec(
            key="sonic-unet",
            purpose="UNet of sonic",
            weights=paths["unet"],
            maker=f"{PLACE}:unet",
            inputs={
                "sample": (1, WINDOW, LATENTS, "height", "width"),
                "timestep": (1,),
                "added_time_ids": (1, 3),
                "clip": (1, tokens.width),
                "audio": (WINDOW, tokens.tokens, tokens.width),
                **masks,
            },
            outputs={"v": (1, WINDOW, LATENTS // 2, "height", "width")},
            tried_at=sizes,
        ),
    ]


class SpeechEncoder(nn.Module):
    """Whisper's encoder: mel spectrum of 30 s [1, bins, 3000] -> states at 50 Hz [1500, layers + 1, width]."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, mel: Tensor) -> Tensor:
        return states_of(self.network, list(self.network.layers), mel)


@dataclass(frozen=True)
class GivenMasks(AttentionContext):
    """A context whose mask is given on the grid of each level, [1, places, 1]."""

    masks: tuple[Tensor, ...] = ()

    def mask_at(self, level: int) -> Tensor:
        return self.masks[level]


class OneBranch(nn.Module):
    """A pass of the UNet over one branch of a window, with tensors alone; ones as masks let sound act everywhere."""

    def __init__(self, unet: SonicUNet) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self, sample: Tensor, timestep: Tensor, added_time_ids: Tensor, clip: Tensor, audio: Tensor, *masks: Tensor
    ) -> Tensor:
        """See `SonicUNet.forward`; clip: [1, C], audio: [W, T, C], masks: [1, places, 1] for each level."""
        context = GivenMasks([clip], [audio], None, WINDOW, (0, 0), masks=masks)
        try:
            return self.unet(sample, timestep, added_time_ids, context)
        finally:
            self.unet.unload_context()


def speech_encoder(path: Path) -> SpeechEncoder:
    return SpeechEncoder(build_whisper(read_weights(weights_in(path)), read_sidecar(path)))


def token_net(path: Path) -> AudioToToken:
    return build_token_net(read_weights(path))


def bucket_net(path: Path) -> AudioToBucket:
    return build_bucket_net(read_weights(path))


def unet(path: Path) -> OneBranch:
    return OneBranch(unet_in(path, torch.float32))
