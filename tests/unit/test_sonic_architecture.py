"""Architectures are read off keys and shapes; at full size they are those of the published checkpoints."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch

from sonic_core.between.flownet import build_ifnet
from sonic_core.between.rife import IFNet
from sonic_core.engines.sonic import architecture, building
from sonic_core.engines.sonic.audio_nets import AudioToBucket, AudioToToken
from sonic_core.engines.sonic.unet import SonicUNet
from sonic_core.errors import ModelMissingError

FULL_SIZE = {
    "unet.pth": (1492, "a1b2f45d17b4849a529aa89ef7a7fe2194676c6805bc0556d036a91a3d143917", lambda: SonicUNet()),
    "audio2token.pth": (
        8,
        "f43f6a00277385972c2c00a12cff15ee52b0fce3fccdc08c5c137d0c8a4d54f5",
        lambda: AudioToToken(19200, 1024, 32, 1024),
    ),
    "audio2bucket.pth": (
        6,
        "70cba83f5462151b0536e6a1f825c85392db8fa3e1669e93573fa0c27bfefa22",
        lambda: AudioToBucket(20224, 1024),
    ),
}
MANIFEST = Path(
    os.environ.get("SONIC_MANIFEST")
    or Path(__file__).parents[3] / "shared" / "reference" / "full_state_dict_manifest.json"
)


def shapes(module):
    return {key: list(value.shape) for key, value in module.state_dict().items()}


def digest(shapes):
    text = "\n".join(f"{key} {tuple(shape)}" for key, shape in sorted(shapes.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def on_meta(make):
    with torch.device("meta"):
        return make()


@pytest.mark.parametrize("file", FULL_SIZE)
def test_keys_and_shapes_of_the_published_checkpoints(file):
    tensors, expected, make = FULL_SIZE[file]
    ours = shapes(on_meta(make))
    assert len(ours) == tensors
    assert digest(ours) == expected


@pytest.mark.skipif(not MANIFEST.exists(), reason=f"{MANIFEST} is absent (set SONIC_MANIFEST)")
@pytest.mark.parametrize("file", FULL_SIZE)
def test_loading_from_the_manifests_shapes_fills_every_key_strictly(file):
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))[file]
    weights = {key: torch.empty(shape, device="meta") for key, shape in manifest.items()}
    build = {
        "unet.pth": building.build_unet,
        "audio2token.pth": building.build_token_net,
        "audio2bucket.pth": building.build_bucket_net,
    }[file]
    assert shapes(build(weights)) == manifest


@pytest.mark.skipif(not MANIFEST.exists(), reason=f"{MANIFEST} is absent (set SONIC_MANIFEST)")
def test_the_published_interpolation_network_fits():
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))["RIFE/flownet.pkl"]
    net = build_ifnet({key: torch.empty(shape, device="meta") for key, shape in manifest.items()})
    assert sum(p.numel() for p in net.parameters()) == 2_277_600
    assert shapes(net) == shapes(on_meta(IFNet))


def test_a_network_of_another_size_is_read_off_its_shapes():
    config = {
        "block_out_channels": (32, 64, 96),
        "num_attention_heads": (1, 2, 3),
        "layers_per_block": 1,
        "cross_attention_dim": 48,
        "addition_time_embed_dim": 16,
        "projection_class_embeddings_input_dim": 48,
        "transformer_layers_per_block": 2,
        "down_block_types": (
            "CrossAttnDownBlockSpatioTemporal",
            "CrossAttnDownBlockSpatioTemporal",
            "DownBlockSpatioTemporal",
        ),
        "up_block_types": ("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
    }
    weights = on_meta(lambda: SonicUNet(**config)).state_dict()
    read = architecture.unet_config(weights, {"num_attention_heads": (1, 2, 3)})
    assert {key: read[key] for key in config} == config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.pop("proj2.bias"), "1 tensors are missing .proj2.bias."),
        (lambda w: w.update(extra=torch.zeros(1)), "1 tensors are foreign .extra."),
        (lambda w: w.update({"proj2.bias": torch.zeros(3)}), "1 have another shape .proj2.bias."),
    ],
)
def test_weights_that_do_not_fit_are_named(change, words):
    weights = dict(AudioToBucket(20, 8).state_dict())
    change(weights)
    with pytest.raises(ModelMissingError, match=words):
        building.build_bucket_net(weights)


def test_weights_of_another_network_are_refused():
    with pytest.raises(ModelMissingError, match="not the network"):
        building.build_unet(AudioToBucket(20, 8).state_dict())
