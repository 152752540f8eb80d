"""The lite engine: audio -> motion track -> warped photo on the CPU, with nothing to download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...audio.clip import AudioClip
from ...audio.fit import fit_duration
from ...errors import PortraitError, SettingsError
from ...frames import Frame, FrameStream, exact_rate
from ...frames_ahead import drawn_ahead, threads_for
from ...hearing.encoder_choice import DEFAULT_ENCODER
from ...portrait.framing import FramedPortrait, frame_portrait
from ...portrait.portrait import Portrait
from ...portrait.quality import person_doubted, turned_too_far
from ...progress import Progress, ignore
from ...runtime.network import TORCH
from ...settings import Settings
from ...side_by_side import side_by_side
from ..base import Conditioning, Engine, Latents, PoseSheet
from ..streaming import Stage
from .contact_sheet import contact_sheet
from .declaration import LITE
from .foreseen import foreseen
from .looping import begun_and_ended_at_rest
from .motion import SpeechMotion
from .motion_curves import motion_curves
from .parameters import PARAMETERS
from .renderer import PortraitRenderer

if TYPE_CHECKING:
    from .live.networks import LiveNetworks


class Motion(Protocol):
    """From speech to motion; `motion.SpeechMotion` is the package's own."""

    def listen(self, clip: AudioClip, frame_count: int, progress: Progress = ignore) -> Any:
        """What is heard in the recording; independent of seed and scales."""
        ...

    def move(self, heard: Any, settings: Settings, progress: Progress = ignore) -> NDArray[np.float32]:
        """Motion track `[T, P]` for it."""
        ...


@dataclass(frozen=True)
class LiteFeatures:
    """heard: what `Motion.listen` gives.  renderer: the portrait, measured once for every clip that is drawn of it."""

    heard: Any
    renderer: PortraitRenderer


class LiteEngine(Engine):
    """Latents are motion tracks `[T, P]`: the renderer's parameters, a row per video frame."""

    declaration = LITE

    def __init__(
        self,
        motion: Motion | None = None,
        encoder: str = DEFAULT_ENCODER,
        runtime: str = TORCH,
        folders: Sequence[Path] | None = None,
    ) -> None:
        """motion: other motion than the learned one, whose weights the package holds.  encoder: what that one listens with.

        runtime: what its networks run on.  folders: where exported ones are searched, None = in the usual models folders.
        """
        self.motion = motion or SpeechMotion.load(encoder, runtime=runtime, folders=folders)
        self._runtime = runtime

    def prepare(
        self,
        portrait: Portrait,
        audio: AudioClip,
        settings: Settings,
        progress: Progress = ignore,
        mask: NDArray[np.uint8] | None = None,
    ) -> Conditioning:
        self._check_mesh(portrait)
        audio = fit_duration(audio, settings.duration, settings.length_policy)
        frame_count = audio.frame_count(self.fps)
        heard, (framed, renderer, unfit) = side_by_side(
            partial(self.motion.listen, audio, frame_count, progress), partial(_measured, portrait, settings), progress
        )
        return Conditioning(
            engine=self.name,
            portrait=framed.portrait,
            audio=audio,
            features=LiteFeatures(heard, renderer),
            frame_count=frame_count,
            fps=self.fps,
            settings=settings,
            paste=framed.paste,
            notes=audio.notes + framed.notes + settings.notes + renderer.notes,
            warnings=_doubts(portrait) + renderer.warnings + unfit,
        )

    def sample(self, conditioning: Conditioning, settings: Settings, progress: Progress = ignore) -> Latents:
        track = self.motion.move(conditioning.features.heard, settings, progress)
        if settings.loopable:
            track = begun_and_ended_at_rest(track, self.fps)
        return Latents(track, self.fps, self.name)

    def at_rate(self, latents: Latents, fps: float, length: int) -> Latents:
        """The same motion at another frame rate: any moment of it can be drawn, so no frame has to be made from others."""
        track = np.asarray(latents.samples)
        places = np.minimum(np.arange(length) * float(exact_rate(latents.fps) / exact_rate(fps)), len(track) - 1)
        before = np.floor(places).astype(int)
        after, share = np.minimum(before + 1, len(track) - 1), (places - before)[:, None]
        moments = track[before] * (1 - share) + track[after] * share
        return Latents(moments.astype(np.float32), fps, latents.engine)

    def motion_curves(self, audio: AudioClip, settings: Settings, progress: Progress = ignore) -> dict[str, Any]:
        heard = self.motion.listen(audio, audio.frame_count(self.fps), progress)
        return motion_curves(self.motion.move(heard, settings, progress), self.fps)

    @classmethod
    def pose_sheet(cls, portrait: Portrait, settings: Settings, progress: Progress = ignore) -> PoseSheet:
        framed, renderer, unfit = _measured(portrait, settings, progress)
        sheet = contact_sheet(framed.portrait, renderer, progress=progress)
        return PoseSheet(sheet, renderer.notes, _doubts(portrait) + renderer.warnings + unfit)

    def stage(self, portrait: Portrait, settings: Settings, progress: Progress = ignore) -> Stage:
        from .live.stage import LiteStage

        self._check_mesh(portrait)
        framed = frame_portrait(
            portrait, settings.framing, settings.min_resolution, settings.expand_ratio, settings.aspect
        )
        renderer = PortraitRenderer(framed.portrait, settings.style, progress)
        stage = LiteStage(framed, renderer, self._live_networks)
        if self._runtime != TORCH:
            stage.notes += (
                f"Motion is run by torch while the sound arrives; the runtime {self._runtime} reads the picture alone.",
            )
        return stage

    @cached_property
    def _live_networks(self) -> LiveNetworks:
        from .live.networks import LiveNetworks

        if not isinstance(self.motion, SpeechMotion):
            raise SettingsError("Live motion is learned motion; make the engine without a `motion` of your own.")
        return LiveNetworks.load()

    def decode(self, conditioning: Conditioning, latents: Latents, progress: Progress = ignore) -> FrameStream:
        renderer: PortraitRenderer = conditioning.features.renderer
        transparent = conditioning.portrait.alpha is not None
        track = np.asarray(latents.samples)
        if track.ndim != 2 or track.shape[1] != len(PARAMETERS) or not len(track) or not np.isfinite(track).all():
            raise SettingsError(
                f"The motion is {list(track.shape)}; expected [frames, {len(PARAMETERS)}] of numbers. Use latents that this engine made."
            )
        paste = conditioning.paste
        if paste and transparent:
            paste = paste.with_alpha()

        def draw(parameters: NDArray[np.float32]) -> Frame:
            frame = renderer.render_with_alpha(parameters)
            return paste.apply(frame) if paste else frame

        height, width = (paste.image if paste else conditioning.portrait.image).shape[:2]
        threads = threads_for(height * width)
        frames, channels = partial(drawn_ahead, draw, track, threads), 4 if transparent else 3
        return FrameStream(len(track), width, height, latents.fps, frames, channels, costly=True)

    def _check_mesh(self, portrait: Portrait) -> None:
        if not portrait.has_mesh:
            raise PortraitError(
                f"the {self.name} engine moves the features of a face and found none in {portrait.name}: it takes no face box and no mask. "
                "Use a picture with a face, or another engine."
            )


def _measured(
    portrait: Portrait, settings: Settings, progress: Progress
) -> tuple[FramedPortrait, PortraitRenderer, tuple[str, ...]]:
    """The portrait in its frame, its renderer, and what is foreseen not to look right."""
    framed = frame_portrait(portrait, settings.framing, settings.min_resolution, settings.expand_ratio, settings.aspect)
    renderer = PortraitRenderer(framed.portrait, settings.style, progress)
    return framed, renderer, foreseen(renderer, framed.portrait)


def _doubts(portrait: Portrait) -> tuple[str, ...]:
    """What is known of the face before it is drawn."""
    return tuple(filter(None, (person_doubted(portrait.report), turned_too_far(portrait.report))))
