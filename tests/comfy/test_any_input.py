"""Whatever another node pack sends through a socket, and any number in a widget: a result or one of our messages, nothing half written."""

from __future__ import annotations

import contextlib

import pytest
import torch
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as tried
from hypothesis import strategies as st

FEW, MANY = 25, 400
CALM = [
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.function_scoped_fixture,
]
TYPES = (torch.float32, torch.float16, torch.uint8, torch.int64, torch.bool, torch.complex64)

things = st.sampled_from([None, "", "x", 7, -1.5, True, [], {}, (), object(), b"\0", [None], {"samples": None}])
numbers = st.one_of(
    st.integers(-3, 100),
    st.floats(),
    st.sampled_from([0, -1, 2**31, 2**63, 10**400, 1e308, 1e-308, float("nan"), float("inf"), None, "25", [1]]),
)


sizes = st.integers(0, 5)


@st.composite
def tensors(draw, dimensions=sizes, last=sizes):
    """Of few values, among them none, NaN and infinity."""
    shape = [draw(st.integers(0, 9)) for _ in range(max(0, draw(dimensions) - 1))] + [draw(last)]
    values = torch.full(shape, draw(st.sampled_from([0.5, 0.0, -1.0, 2.0, float("nan"), float("inf"), 1e30])))
    return values.to(draw(st.sampled_from(TYPES)))


images = st.one_of(tensors(st.just(4), st.sampled_from([3, 3, 4])), tensors(), things, st.lists(tensors(), max_size=2))
waves = st.one_of(tensors(st.just(3), st.sampled_from([0, 1, 700, 4000])), tensors(), things)
sounds = st.one_of(
    st.fixed_dictionaries({}, optional={"waveform": waves, "sample_rate": numbers | st.sampled_from([8000, 44_100])}),
    st.fixed_dictionaries({"waveform": waves, "sample_rate": st.sampled_from([8000, 44_100])}),
    things,
)
latents = st.one_of(
    st.fixed_dictionaries(
        {"engine": st.just("lite")}, optional={"samples": images, "fps": numbers, "sonic_settings": things}
    ),
    things,
)
NODES = {
    "SonicVideoCombine": {"images": images, "fps": numbers, "audio": sounds, "mask": images},
    "SonicTemporalSmooth": {"images": images, "strength": numbers},
    "SonicFrameInterpolate": {"images": images, "fps": numbers, "output_fps": numbers.filter(lambda n: n != 2**31)},
    "SonicLipSyncAlign": {"images": images, "audio": sounds, "fps": numbers, "tolerance_ms": numbers},
    "SonicPreData": {"model": things, "image": images, "audio": sounds, "duration": numbers},
    "SonicInference": {"predata": things, "seed": numbers, "inference_steps": numbers, "dynamic_scale": numbers},
    "SonicLatentDecode": {"latent": latents},
    "SonicLoadAudio": {"start": numbers, "length": numbers},
}
ALWAYS = {
    "SonicVideoCombine": {"filename_prefix": "clip"},
    "SonicTemporalSmooth": {"method": "ema"},
    "SonicLoadAudio": {"audio": "speech.wav"},
}
OWN = {"SonicPreData": ("model",), "SonicInference": ("model", "predata"), "SonicLatentDecode": ("model", "predata")}
"""Sockets of our own types, which are mostly as they should be."""


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("node", NODES)
def test_any_input_ends_in_a_result_or_in_our_words(execute, pack, clip, folders, node, count):
    ours = pack.part("sonic_core.errors").SonicError
    good = {name: getattr(clip, name) for name in OWN.get(node, ())}

    @tried(
        max_examples=count,
        derandomize=count == FEW,
        deadline=None,
        database=None,
        suppress_health_check=CALM,
        phases=(Phase.generate, Phase.shrink),
    )
    @given(st.fixed_dictionaries({}, optional=NODES[node]))
    def run(odd):
        needed = {name: strategy for name, strategy in NODES[node].items() if name not in odd and name in SOCKETS}
        given_ = {**ALWAYS.get(node, {}), **{name: SOCKETS[name] for name in needed}, **good, **odd}
        with contextlib.suppress(ours):
            execute(node, **given_)
        left = [path.name for path in folders.rglob("*") if ".tmp" in path.name]
        assert not left

    run()


SOCKETS = {
    "images": torch.full((2, 64, 64, 3), 0.5),
    "image": torch.full((1, 64, 64, 3), 0.5),
    "audio": {"waveform": torch.full((1, 1, 1280), 0.1), "sample_rate": 16_000},
    "fps": 25.0,
    "output_fps": 50.0,
    "strength": 0.5,
    "latent": {"engine": "lite"},
}
