"""The lite engine in words and values: bundled, runs anywhere."""

from __future__ import annotations

from ...credit import Credit
from ...hearing.encoder_choice import DEFAULT_ENCODER, ENCODERS
from ...portrait.credit import FACE_NETWORKS
from ...runtime.network import RUNTIMES, TORCH
from ..declaration import FOLDERS, RUNTIME, Declaration, Option

LITE = Declaration(
    name="lite",
    implementation=".lite.engine:LiteEngine",
    summary="bundled",
    about="bundled: it needs no download and no GPU",
    picture="bundled, real time on a CPU: warps and relights the picture itself",
    credits=(
        FACE_NETWORKS,
        Credit("Whisper tiny.en encoder, as it is or as a Wav2Vec2", "MIT"),
        Credit("sonic-portrait lip reader and motion denoiser", "Apache-2.0"),
    ),
    options=(
        Option(
            "encoder",
            "Speech encoder; both are bundled.",
            default=DEFAULT_ENCODER,
            choices=ENCODERS,
            offered=False,
        ),
        Option(
            RUNTIME,
            "What runs the networks: onnx starts sooner and needs the files that `export onnx` makes.",
            default=TORCH,
            choices=RUNTIMES,
            offered=False,
        ),
        Option(FOLDERS, "Searched first for exported networks.", kind=tuple, offered=False),
    ),
    draws_any_moment=True,
    tells_motion=True,
    draws_poses=True,
    streams=True,
    keeps_alpha=True,
    exporter=".lite.exporting:export_onnx",
)
