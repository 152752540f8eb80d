"""The sonic engine in words and values: the published model, with weights of its own."""

from __future__ import annotations

from ...credit import Credit
from ...portrait.credit import FACE_NETWORKS
from ..declaration import CHOSEN, DEVICE, EVERY_SETTING, FOLDERS, RESERVE, Declaration, FileChoice, Option
from .files import SONIC_FILES
from .presets import PRESETS

IMAGE_GUIDANCE, AUDIO_GUIDANCE = 2.0, 7.5
PRECISIONS = ("fp16", "bf16", "fp32")

SONIC = Declaration(
    name="sonic",
    implementation=".sonic.engine:SonicEngine",
    checker=".sonic.checking:faults_of_files",
    card=".sonic.card:measure_card",
    exporter=".sonic.exporting:export_onnx",
    summary="the published model",
    about="the published diffusion model: the best picture, with weights of its own and a GPU",
    picture="the published model: draws every frame anew, needs its weights and a GPU",
    credits=(
        FACE_NETWORKS,
        *(Credit(f"{file.source.repository}: {file.key}", file.licence) for file in SONIC_FILES),
    ),
    options=(
        Option(
            "preset",
            "; ".join(f"{preset.name} = {preset.summary}" for preset in PRESETS.values()) + ".",
            default="exact",
            choices=tuple(PRESETS),
        ),
        Option(
            "precision",
            "Number format of the large networks.",
            choices=PRECISIONS,
            unset="fp16 on a GPU, fp32 on a CPU",
            rare=True,
        ),
        Option(
            DEVICE,
            "What the networks run on: cuda, cuda:1, mps, cpu.",
            unset="the best there is",
            offered=False,
        ),
        Option(
            "devices",
            "Several that share every step's windows, and decoding: cuda:0,cuda:1. The first does the rest.",
            unset="one",
            metavar="NAME,NAME",
            offered=False,
        ),
        Option(FOLDERS, "Searched first for its weights.", kind=tuple, offered=False),
        Option(CHOSEN, "Weight files that go before what the folders hold.", kind=dict, offered=False),
        Option(
            "reference",
            "Do everything as the published code does, seams and all; one amplitude, dynamic_scale, for head and face.",
            default=False,
            kind=bool,
            offered=False,
        ),
        Option(
            "fp8",
            "Keep the UNet's weights in 8 bits, half the memory. Without it that is done where nothing else makes a clip fit.",
            default=False,
            kind=bool,
            rare=True,
        ),
        Option(
            RESERVE,
            "GiB of the device's memory to leave to others.",
            default=0.0,
            kind=float,
            metavar="GIB",
            offered=False,
        ),
        Option(
            "compile",
            "Compile the UNet first; pays on a GPU for clips of more than a minute.",
            default=False,
            kind=bool,
            rare=True,
        ),
        Option(
            "circular_windows",
            "Windows that join the clip's end to its start, as published; otherwise clips have two ends.",
            default=False,
            kind=bool,
            rare=True,
        ),
        Option(
            "image_guidance",
            "How far predictions are pushed towards the picture; published: 2.",
            default=IMAGE_GUIDANCE,
            kind=float,
            metavar="SCALE",
            rare=True,
        ),
        Option(
            "audio_guidance",
            "How far predictions are pushed towards the sound; published: 7.5.",
            default=AUDIO_GUIDANCE,
            kind=float,
            metavar="SCALE",
            rare=True,
        ),
        Option(
            "ip_audio_scale",
            "Weight of the attention to sound beside that to the picture; published: 1.",
            default=1.0,
            kind=float,
            metavar="SCALE",
            rare=True,
        ),
        Option(
            "windows_together",
            "Windows of a step in one batch, at most, on a GPU whose memory allows; gains little by counting.",
            default=1,
            kind=int,
            metavar="N",
            rare=True,
        ),
        Option(
            "keep_resolution",
            "Bring frames to the picture's own size, whatever size they are generated at.",
            default=False,
            kind=bool,
            rare=True,
        ),
    ),
    weights=SONIC_FILES,
    file_choices=(
        FileChoice("unet", "sonic", "its UNet, in models/sonic; auto = unet.safetensors or unet.pth."),
        FileChoice(
            "svd", "checkpoints", "Stable Video Diffusion XT, in models/checkpoints; auto = svd_xt.safetensors."
        ),
    ),
    packages=("transformers", "diffusers", "huggingface_hub"),
    # Published without emotions; the network draws mouth and lids its own way, and starts and ends as the recording does.
    settings=EVERY_SETTING - {"emotion", "emotion_strength", "style", "loopable"},
    default_short_side=512,
    cheap_trial=False,
    needs_mesh=False,
    takes_mask=True,
)
