"""Sonic's weights: what each file is, how large, under which licence, where it comes from and where it goes."""

from __future__ import annotations

from ...between.flownet_file import FLOWNET
from ...models.manifest import ModelFile, RemoteFile, Source

SMALL_DECODER = "small_decoder"
"""Key of the one file that nothing is fetched for: it is used where the user has it, as ComfyUI's users often do."""
SONIC_LICENCE = "CC BY-NC-SA 4.0, non-commercial"
SVD_LICENCE = "Stability AI Community License"
# Commits, sizes and checksums are those that public projects pin and that published copies of the files have: of every file at
# least two agree.  No project names a commit of Sonic's own repository.
_SVD_REVISION = "9e43909513c6714f1bc78bcb44d96e733cd242aa"
_WHISPER_REVISION = "169d4a4341b33bc18d8881c4b69c2e104e1cc0af"


def _network(key: str, purpose: str, size: int, sha256: str) -> ModelFile:
    """One of Sonic's own networks: as published, or as `convert` writes it, which loads faster and goes first."""
    return ModelFile(
        key,
        purpose,
        f"sonic/{key}.pth",
        tuple(f"{folder}{key}.{end}" for end in ("safetensors", "pth") for folder in ("sonic/", "Sonic/", "")),
        SONIC_LICENCE,
        Source("LeonJoe13/Sonic", (RemoteFile(f"Sonic/{key}.pth", size, sha256),)),
    )


SONIC_FILES = (
    _network(
        "unet",
        "video UNet with audio attention, in fp32 (fp16 after `convert --half`: half of it)",
        6_303_636_358,
        "2fb0b0b8fe07232f9c4e8af4ce64fc3b33593bf6dfd7c840b60585dc6017128b",
    ),
    _network(
        "audio2token",
        "audio tokens",
        217_206_084,
        "68cf305813bf5e4682c4f6a80955233cfad6a5e194fd4a6963f27e4e8ee490d8",
    ),
    _network(
        "audio2bucket",
        "motion buckets",
        87_050_998,
        "4af942fded37b70d0a0a7993b8c0f46b5b1e104bcf7b6316f7b509900db69d26",
    ),
    ModelFile(
        "audio_encoder",
        "speech encoder",
        "sonic/whisper-tiny",
        ("sonic/whisper-tiny", "whisper-tiny", "sonic/wav2vec2", "wav2vec2"),
        "Apache-2.0",
        Source(
            "openai/whisper-tiny",
            (
                RemoteFile("config.json", 1983, "ffdccec4f3211f4c63310f2b7098f309fe70f3952cedc5e4d11e43f5b2379b98"),
                RemoteFile(
                    "model.safetensors",
                    151_061_672,
                    "7ebd0e69e78190ffe1438491fa05cc1f5c1aa3a4c4db3bc1723adbb551ea2395",
                ),
            ),
            _WHISPER_REVISION,
        ),
    ),
    ModelFile(
        "svd",
        "Stable Video Diffusion XT: VAE and CLIP vision in fp16; checkpoints/svd_xt.safetensors (9.6 GB, UNet included) serves as well",
        "diffusers/stable-video-diffusion-img2vid-xt",
        tuple(
            folder + name
            for name in ("svd_xt.safetensors", "svd_xt_1_1.safetensors", "stable-video-diffusion-img2vid-xt")
            for folder in ("checkpoints/", "sonic/", "diffusers/", "")
        ),
        SVD_LICENCE,
        Source(
            "stabilityai/stable-video-diffusion-img2vid-xt",
            (
                RemoteFile("vae/config.json", 607, "8f34272db69f7e2c615da6142ca3f9fdcd7b682bcfd903ceb15035fea79a8303"),
                RemoteFile(
                    "vae/diffusion_pytorch_model.fp16.safetensors",
                    195_531_910,
                    "af602cd0eb4ad6086ec94fbf1438dfb1be5ec9ac03fd0215640854e90d6463a3",
                ),
                RemoteFile(
                    "image_encoder/config.json",
                    685,
                    "65da4496f116d2b297fe864e0f31242fbc57e26a5d95b93310f2034e1e90d0ec",
                ),
                RemoteFile(
                    "image_encoder/model.fp16.safetensors",
                    1_264_217_240,
                    "ae616c24393dd1854372b0639e5541666f7521cbe219669255e865cb7f89466a",
                ),
            ),
            _SVD_REVISION,
        ),
    ),
    FLOWNET,
    ModelFile(
        SMALL_DECODER,
        "small decoder (TAESD) for previews while sampling and for the preset preview",
        "vae_approx/taesd_decoder.safetensors",
        tuple(
            f"{folder}taesd_decoder.{end}" for folder in ("vae_approx/", "sonic/", "") for end in ("safetensors", "pth")
        ),
        "MIT",
        Source("madebyollin/taesd", ()),
        optional=True,
    ),
)
"""What the sonic engine reads, as users of the published code have it on disk."""
