"""What an engine is: an audio encoder, a sampler's denoiser and a decoder, put together behind three calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from ..audio.clip import AudioClip
from ..frames import FrameStream
from ..portrait.framing import PasteBack
from ..portrait.portrait import Portrait
from ..progress import Progress, ignore
from ..settings import Settings


@dataclass(frozen=True)
class Origin:
    """What a clip is made from, as it was given: digests of the picture (portrait/cache.py) and of the recording (media/provenance.py).

    Framing and fitting to a duration come after.  Empty where nobody noted it.
    """

    image_sha256: str = ""
    audio_sha256: str = ""


@dataclass(frozen=True)
class Conditioning:
    """All that inference needs to know, made once per picture and recording (node type SONIC_PREDATA).

    portrait: framed at the generated size.  audio: at its own rate, as long as the video.  features: the engine's audio
    features (tensor, array or a mapping of them).  frame_count: frames of video at `fps`.  paste: puts
    a frame back into the original picture (framing paste_back), else None.  notes: what was adjusted, in plain words.
    origin: picture and recording before that; engines leave it to whoever holds both.
    """

    engine: str
    portrait: Portrait
    audio: AudioClip
    features: Any
    frame_count: int
    fps: float
    settings: Settings
    paste: PasteBack | None = None
    notes: tuple[str, ...] = ()
    origin: Origin = Origin()


@dataclass(frozen=True)
class Latents:
    """What the sampler makes and the decoder reads: `samples` [T, ...] float32 at `fps`, of the engine named `engine`."""

    samples: Tensor
    fps: float
    engine: str


class Engine(Protocol):
    """Audio encoder, denoiser and decoder behind three calls; holds its weights, nothing of a particular clip.

    cheap_trial: half a second of clip, sampled and decoded, costs little and tells how long the whole takes.
    needs_mesh: animates a face mesh; otherwise a face box is enough (portrait/manual.py).
    """

    name: str
    fps: float
    cheap_trial: bool
    needs_mesh: bool

    def prepare(
        self, portrait: Portrait, audio: AudioClip, settings: Settings, progress: Progress = ignore
    ) -> Conditioning:
        """Frame the portrait, fit the audio to the duration, encode the audio."""
        ...

    def sample(self, conditioning: Conditioning, settings: Settings, progress: Progress = ignore) -> Latents:
        """Make latents; reads `seed`, `inference_steps`, `dynamic_scale` and `motion_scale` of `settings`."""
        ...

    def decode(self, conditioning: Conditioning, latents: Latents, progress: Progress = ignore) -> FrameStream:
        """Turn latents into exactly `conditioning.frame_count` frames, lazily."""
        ...
