"""What an engine is: an audio encoder, a sampler's denoiser and a decoder, put together behind three calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ..audio.clip import AudioClip
from ..diffusion.arrays import Array
from ..errors import SettingsError
from ..frames import FrameStream
from ..progress import Progress, ignore
from ..settings import Settings
from .declaration import Declaration

if TYPE_CHECKING:
    from ..portrait.framing import PasteBack
    from ..portrait.portrait import Portrait
    from .streaming import Stage


@dataclass(frozen=True)
class Origin:
    """What a clip is made from, as it was given: digests of the picture (portrait/cache.py) and of the recording (media/provenance.py).

    Framing and fitting to a duration come after.  Empty where nobody noted it.
    """

    image_sha256: str = ""
    audio_sha256: str = ""


@dataclass(frozen=True)
class Conditioning:
    """All that inference needs to know, made once per picture and recording (node type SONIC_PORTRAIT_PREDATA).

    portrait: framed at the generated size.  audio: at its own rate, as long as the video.  features: the engine's audio
    features (tensor, array or a mapping of them).  frame_count: frames of video at `fps`.  paste: puts
    a frame back into the original picture (framing paste_back), else None.  notes: what was adjusted, in plain words.
    origin: picture and recording before that; engines leave it to whoever holds both.  warnings: what the clip will not do, or will not
    do well, with this picture: every program shows them before the long work and beside the result.
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
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Latents:
    """What the sampler makes and the decoder reads: `samples` [T, ...] float32 at `fps`, of the engine named `engine`.

    samples: a NumPy array or a PyTorch tensor on the CPU; whoever reads them takes either.
    """

    samples: Array
    fps: float
    engine: str


@dataclass(frozen=True)
class PoseSheet:
    """image: RGB uint8 [H, W, 3], labelled poses of a portrait.  notes, warnings: as of `Conditioning`, for this picture."""

    image: NDArray[np.uint8]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


class Cost(Protocol):
    """What making a clip will cost, counted and not tried."""

    @property
    def notes(self) -> tuple[str, ...]: ...

    @property
    def stages(self) -> Mapping[str, float]:
        """Seconds of each stage that reports progress, in order; drawing frames counts to "encoding", which waits for it."""
        ...

    def described(self) -> str:
        """Work, memory and time in a line."""
        ...

    def figures(self) -> dict[str, Any]:
        """The same as JSON values by name, `frames` and `seconds` among them."""
        ...


class StepStore(Protocol):
    """Where an engine keeps what it has sampled so far, so that a clip of hours outlives a power cut."""

    def load(self) -> Mapping[str, Array] | None:
        """What was saved last for the same clip, None = nothing."""
        ...

    def save(self, state: Mapping[str, Array]) -> None:
        """Keep this instead; what cannot be written is told once and costs nothing else."""
        ...


class Engine(ABC):
    """Audio encoder, denoiser and decoder behind three calls; holds its weights, nothing of a particular clip.

    An engine says what it is in its `declaration` and has to define three methods; the others have answers that are true of an engine
    that declares nothing special.  Its constructor takes the options that it declares.
    """

    declaration: ClassVar[Declaration]

    @property
    def name(self) -> str:
        """Under which users choose it."""
        return self.declaration.name

    @property
    def fps(self) -> float:
        """Frames per second that it decodes to."""
        return self.declaration.fps

    @abstractmethod
    def prepare(
        self,
        portrait: Portrait,
        audio: AudioClip,
        settings: Settings,
        progress: Progress = ignore,
        mask: NDArray[np.uint8] | None = None,
    ) -> Conditioning:
        """Frame the portrait, fit the audio to the duration, encode the audio.

        mask: uint8 [H, W] over the portrait's picture, where speech may act; None unless `declaration.takes_mask`.
        """

    @abstractmethod
    def sample(self, conditioning: Conditioning, settings: Settings, progress: Progress = ignore) -> Latents:
        """Make latents; reads the settings of the inference (seed, steps, amplitudes, emotion), not those of `prepare`."""

    def sample_in_steps(
        self, conditioning: Conditioning, settings: Settings, steps: StepStore, progress: Progress = ignore
    ) -> Latents:
        """`sample` that keeps its state in `steps` and goes on from what is kept there; engines whose sampling is short begin anew."""
        return self.sample(conditioning, settings, progress)

    @abstractmethod
    def decode(self, conditioning: Conditioning, latents: Latents, progress: Progress = ignore) -> FrameStream:
        """Turn latents into frames at `latents.fps` or the engine's own rate, lazily: `conditioning.frame_count` at its own.

        RGB; with opacity where the portrait has transparent parts and the engine's declaration says that it keeps them.
        """

    def at_rate(self, latents: Latents, fps: float, length: int) -> Latents:
        """The same clip in `length` frames at another rate; only of engines that declare `draws_any_moment`."""
        raise SettingsError(f"The {self.name} engine draws frames at {self.fps:g} per second only; interpolate them.")

    def motion_curves(self, audio: AudioClip, settings: Settings, progress: Progress = ignore) -> dict[str, Any]:
        """How a recording moves the face: the numbers `fps` and `t0` (s), and curves by name, arrays [T] of equal length.

        Only of engines that declare `tells_motion`.  audio: as long as the clip.
        """
        raise SettingsError(f"The {self.name} engine makes pictures, not motion; there are no curves of it.")

    @classmethod
    def pose_sheet(cls, portrait: Portrait, settings: Settings, progress: Progress = ignore) -> PoseSheet:
        """A page of poses of a portrait, as large as it would be animated; only of engines that declare `draws_poses`."""
        raise SettingsError(f"The {cls.declaration.name} engine draws frames for a recording only, no poses.")

    def stage(self, portrait: Portrait, settings: Settings, progress: Progress = ignore) -> Stage:
        """The portrait made ready to perform while sound arrives; only of engines that declare `streams`.

        Reads the settings of the picture (size, framing, style).
        """
        raise SettingsError(
            f"The {self.name} engine makes clips of finished recordings only; for live use choose an engine that streams."
        )

    def frame_size(self, portrait: Portrait, settings: Settings) -> tuple[int, int]:
        """Width and height of the frames that it will make of a portrait, px."""
        from ..portrait.framing import frame_portrait, shown_size

        short = settings.min_resolution or self.declaration.default_short_side
        framed = frame_portrait(portrait, settings.framing, short, settings.expand_ratio, settings.aspect)
        return shown_size(framed.portrait, framed.paste)

    @property
    def identity(self) -> dict[str, Any]:
        """What latents depend on besides picture, recording and settings, as JSON values."""
        return {}

    def expected_cost(
        self, portrait: Portrait, audio: AudioClip, settings: Settings, mask: NDArray[np.uint8] | None = None
    ) -> Cost | None:
        """What making a clip will cost, before anything of it is done; None where a trial tells (`declaration.cheap_trial`)."""
        return None

    @classmethod
    def cost_without_weights(
        cls,
        options: Mapping[str, Any],
        portrait: Portrait,
        audio: AudioClip,
        settings: Settings,
        mask: NDArray[np.uint8] | None = None,
    ) -> Cost | None:
        """`expected_cost` of an engine that is not loaded; options: as its constructor takes them."""
        return None

    def memory_wanted(self, width: int, height: int) -> float:
        """Bytes of its device that making frames of this size can use well; 0 = it does not matter."""
        return 0.0

    def rest(self) -> None:  # noqa: B027 - nothing is the true answer of most engines
        """Give the device's memory back to others; the next clip takes it again.  Nothing to do for an engine on the CPU."""
