"""A folder with the files that pages and examples speak of: a small picture, half a second of speech."""

from __future__ import annotations

import wave
from pathlib import Path

from PIL import Image

from sonic_core.audio.loading import load_audio
from sonic_core.samples import PORTRAIT, SPEECH


def laid(folder: Path, seconds: float = 0.5) -> Path:
    """The folder, with me.jpg (256 x 256) and hello.m4a (a wav in truth, which nobody minds)."""
    Image.open(PORTRAIT).convert("RGB").resize((256, 256)).save(folder / "me.jpg")
    sound = load_audio(SPEECH)
    with wave.open(str(folder / "hello.m4a"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.rate)
        file.writeframes((sound.samples[0, : round(seconds * sound.rate)] * 32767).astype("<i2").tobytes())
    return folder
