"""The numbers of a run of the published code on tiny seeded models, found in SONIC_PARITY_DIR and parsed from its files."""

import json
import os
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sonic_core.engines.sonic import building

FOLDER = Path(os.environ.get("SONIC_PARITY_DIR") or Path(__file__).parents[3] / "shared" / "parity" / "open")
WEIGHT = "weight::"


def fixtures(prefix):
    """Names of the fixtures that start with `prefix`."""
    return sorted(path.stem for path in FOLDER.glob(f"{prefix}*.json"))


@cache
def info(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@cache
def tensors(name):
    path = FOLDER / f"{name}.safetensors"
    return load_file(path) if path.exists() else {}


def weights(name, prefix=""):
    """float32 weights of a fixture, from the entries that start with `prefix`."""
    return {key.removeprefix(prefix): value.float() for key, value in tensors(name).items() if key.startswith(prefix)}


@cache
def network(kind):
    """A tiny network through the product's own loader: unet, vae, clip or whisper."""
    return getattr(building, f"build_{kind}")(weights(f"{kind}_weights"), info(f"{kind}_weights")["config"])


@cache
def audio_net(kind):
    """The tiny audio2token or audio2bucket network."""
    build = {"audio2token": building.build_token_net, "audio2bucket": building.build_bucket_net}[kind]
    return build(weights("a_audio_adapters", f"{kind}.{WEIGHT}"))


def cases(pairs, ids=None):
    """pytest.mark.parametrize over discovered cases; where there are none, one test that is skipped with the reason."""
    pairs = list(pairs)
    if pairs:
        return pytest.mark.parametrize("case", pairs, ids=ids or (lambda pair: "-".join(map(str, pair))))
    reason = f"no fixture of this kind in {FOLDER} (set SONIC_PARITY_DIR)"
    return pytest.mark.parametrize("case", [pytest.param((), marks=pytest.mark.skip(reason=reason))], ids=["absent"])


def close(actual, expected, tolerance):
    """Largest absolute difference within the tolerance; the message names it."""
    assert tuple(actual.shape) == tuple(expected.shape)
    difference = (actual.double() - expected.double()).abs().max().item()
    assert difference <= tolerance, f"max abs difference {difference:.3g}, allowed {tolerance:g}"


def clip_embedding(small_picture):
    """CLIP embedding [1, C] of a picture [3, 7, 7] whose pixels are blown up to 32 x 32."""
    clip = network("clip")
    factor = clip.config.image_size // small_picture.shape[-1]
    big = small_picture.repeat_interleave(factor, -2).repeat_interleave(factor, -1)
    with torch.no_grad():
        return clip(big.reshape(1, *big.shape[-3:])).image_embeds
