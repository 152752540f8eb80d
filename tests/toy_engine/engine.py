"""A third engine in sixty lines: the picture grows brighter with the sound.  It keeps the contract of engines/base.py true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from sonic_core.audio.fit import fit_duration
from sonic_core.credit import Credit
from sonic_core.engines.base import Conditioning, Engine, Latents
from sonic_core.engines.declaration import Declaration, Option
from sonic_core.frames import FrameStream
from sonic_core.portrait.framing import frame_portrait

TOY = Declaration(
    name="toy",
    implementation="toy_engine.engine:ToyEngine",
    summary="lamp",
    about="a lamp: it needs no mouth",
    picture="a lamp: grows brighter with the sound",
    credits=(Credit("no model at all", "CC0"),),
    options=(
        Option("warmth", "How red it shines, 0 to 1.", default=0.5, kind=float, metavar="N"),
        Option("bulb", "What shines.", default="led", choices=("led", "flame")),
    ),
    settings=frozenset(("duration", "length_policy", "min_resolution", "framing", "expand_ratio", "dynamic_scale")),
    default_short_side=320,
    needs_mesh=False,
)


class ToyEngine(Engine):
    """Latents are one brightness per frame `[T, 1]`."""

    declaration = TOY

    def __init__(self, warmth: float = 0.5, bulb: str = "led") -> None:
        self.tint = np.float32((1, 1 - warmth / 2, 1 - warmth)) if bulb == "led" else np.float32((1, 0.5, 0))

    def prepare(self, portrait, audio, settings, progress=lambda *report: None, mask=None):
        audio = fit_duration(audio, settings.duration, settings.length_policy)
        side = settings.min_resolution or TOY.default_short_side
        framed = frame_portrait(portrait, settings.framing, side, settings.expand_ratio)
        count = audio.frame_count(self.fps)
        parts = np.array_split(np.abs(audio.mono()), count)
        loudness = np.float32([[part.mean() if part.size else 0.0] for part in parts])
        made = Conditioning(self.name, framed.portrait, audio, loudness, count, self.fps, settings)
        return replace(made, paste=framed.paste, notes=audio.notes + framed.notes)

    def sample(self, conditioning, settings, progress=lambda *report: None):
        progress("sampling", 1, 1)
        return Latents(torch.from_numpy(conditioning.features * 255 * settings.dynamic_scale), self.fps, self.name)

    def decode(self, conditioning, latents, progress=lambda *report: None):
        picture, paste = conditioning.portrait.image, conditioning.paste
        height, width = (paste.image if paste else picture).shape[:2]

        def shine():
            for (light,) in latents.samples.tolist():
                frame = np.clip(picture + light * self.tint, 0, 255).astype(np.uint8)
                yield paste.apply(frame) if paste else frame

        return FrameStream(len(latents.samples), width, height, self.fps, shine)
