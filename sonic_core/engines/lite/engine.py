"""The lite engine: audio -> motion track -> warped photo, in real time on one CPU core, with nothing to download."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ...audio.clip import AudioClip
from ...audio.fit import fit_duration
from ...frames import Frame, FrameStream
from ...portrait.framing import frame_portrait
from ...portrait.portrait import Portrait
from ...progress import Progress, ignore
from ...settings import Settings
from ..base import Conditioning, Latents
from .acoustic import acoustic_motion
from .renderer import PortraitRenderer


class LiteEngine:
    """Latents are motion tracks `[T, P]`: the renderer's parameters, a row per video frame."""

    name = "lite"
    fps = 25.0
    cheap_trial = True  # half a second of clip, sampled and drawn, costs little and tells how long the whole takes

    def prepare(
        self, portrait: Portrait, audio: AudioClip, settings: Settings, progress: Progress = ignore
    ) -> Conditioning:
        progress("audio", 0, 1)
        audio = fit_duration(audio, settings.duration, settings.length_policy)
        progress("audio", 1, 1)
        framed = frame_portrait(portrait, settings.framing, settings.min_resolution, settings.expand_ratio)
        return Conditioning(
            engine=self.name,
            portrait=framed.portrait,
            audio=audio,
            features=None,
            frame_count=audio.frame_count(self.fps),
            fps=self.fps,
            settings=settings,
            paste=framed.paste,
            notes=audio.notes + framed.notes,
        )

    def sample(self, conditioning: Conditioning, settings: Settings, progress: Progress = ignore) -> Latents:
        track = acoustic_motion(conditioning.audio, conditioning.frame_count, settings, self.fps, progress)
        return Latents(torch.from_numpy(track), self.fps, self.name)

    def decode(self, conditioning: Conditioning, latents: Latents, progress: Progress = ignore) -> FrameStream:
        renderer = PortraitRenderer(conditioning.portrait, conditioning.settings.style, progress)
        track = latents.samples.numpy()
        paste = conditioning.paste

        def render() -> Iterator[Frame]:
            for parameters in track:
                frame = renderer.render(parameters)
                yield paste.apply(frame) if paste else frame

        height, width = (paste.image if paste else conditioning.portrait.image).shape[:2]
        return FrameStream(len(track), width, height, latents.fps, render)
