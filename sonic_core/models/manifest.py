"""The weights that exist: what each file is, how large, under which licence, where it comes from and where it goes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A file, or several of one folder (names parted by ", "), on the Hugging Face hub.

    revision: the commit that is downloaded; None = what `main` is on the day, as no commit has been checked.
    """

    repository: str
    path: str
    revision: str | None = None

    @property
    def page(self) -> str:
        return f"https://huggingface.co/{self.repository}"

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(self.path.split(", "))


@dataclass(frozen=True)
class ModelFile:
    """One file that an engine can load.

    key: short name.  purpose: for messages.  destination: path under a models folder where a download goes.  places: where it is looked
    for, in this order.  size: in words.  licence: of the weights, not of this program.  optional: the engine works without it.
    """

    key: str
    purpose: str
    destination: str
    places: tuple[str, ...]
    size: str
    licence: str
    source: Source
    optional: bool = False

    @property
    def targets(self) -> dict[str, str]:
        """Where each file of the source goes under a models folder, by its path at the source."""
        if len(self.source.paths) == 1:
            return {self.source.path: self.destination}
        return {path: f"{self.destination}/{path}" for path in self.source.paths}

    def described(self) -> str:
        return f"{self.destination} - {self.purpose}; {self.size}; {self.licence}; from {self.source.page} ({self.source.path})"


SONIC_LICENCE = "CC BY-NC-SA 4.0, non-commercial"
SVD_LICENCE = "Stability AI Community License"
_SONIC, _SVD = "LeonJoe13/Sonic", "stabilityai/stable-video-diffusion-img2vid-xt"
# Commits that public projects pin; none was found for Sonic itself.
_SVD_REVISION = "9e43909513c6714f1bc78bcb44d96e733cd242aa"
_WHISPER_REVISION = "169d4a4341b33bc18d8881c4b69c2e104e1cc0af"


def _network(key: str, purpose: str, size: str) -> ModelFile:
    """One of Sonic's own networks: as published, or as `convert` writes it, which loads faster and goes first."""
    return ModelFile(
        key,
        purpose,
        f"sonic/{key}.pth",
        tuple(f"{folder}{key}.{end}" for end in ("safetensors", "pth") for folder in ("sonic/", "Sonic/", "")),
        size,
        SONIC_LICENCE,
        Source(_SONIC, f"Sonic/{key}.pth"),
    )


SONIC_FILES = (
    _network("unet", "video UNet with audio attention", "6.3 GB in fp32, 3.2 GB in fp16"),
    _network("audio2token", "audio tokens", "0.22 GB"),
    _network("audio2bucket", "motion buckets", "0.09 GB"),
    ModelFile(
        "audio_encoder",
        "speech encoder",
        "sonic/whisper-tiny",
        ("sonic/whisper-tiny", "whisper-tiny", "sonic/wav2vec2", "wav2vec2"),
        "0.15 GB",
        "Apache-2.0",
        Source("openai/whisper-tiny", "config.json, model.safetensors", _WHISPER_REVISION),
    ),
    ModelFile(
        "svd",
        "Stable Video Diffusion XT: VAE and CLIP vision, as one file or as a diffusers folder",
        "checkpoints/svd_xt.safetensors",
        tuple(
            folder + name
            for name in ("svd_xt.safetensors", "svd_xt_1_1.safetensors", "stable-video-diffusion-img2vid-xt")
            for folder in ("checkpoints/", "sonic/", "diffusers/", "")
        ),
        "9.6 GB",
        SVD_LICENCE,
        Source(_SVD, "svd_xt.safetensors", _SVD_REVISION),
    ),
    ModelFile(
        "flownet",
        "frame interpolation (RIFE); optical flow takes its place when absent",
        "sonic/RIFE/flownet.pkl",
        tuple(f"{folder}flownet.{end}" for end in ("safetensors", "pkl") for folder in ("sonic/RIFE/", "RIFE/")),
        "0.01 GB",
        "MIT",
        Source(_SONIC, "RIFE/flownet.pkl"),
        optional=True,
    ),
)
"""What the sonic engine reads, as users of the published code have it on disk."""
