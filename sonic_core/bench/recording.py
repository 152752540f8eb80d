"""The bundled recording, repeated until it is as long as wanted."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..audio.clip import AudioClip
from ..audio.loading import load_audio
from ..samples import SPEECH


def speech_of(seconds: float) -> AudioClip:
    """Speech of that length."""
    spoken = load_audio(SPEECH)
    wanted = round(seconds * spoken.rate)
    repeats = -(-wanted // spoken.samples.shape[1])
    return replace(spoken, samples=np.tile(spoken.samples, repeats)[:, :wanted], source=None)


def write_speech(seconds: float, path: Path) -> Path:
    """The same as a .wav of 16 bits."""
    clip = speech_of(seconds)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(clip.samples.shape[0])
        file.setsampwidth(2)
        file.setframerate(clip.rate)
        file.writeframes((clip.samples.T * 32767).astype("<i2").tobytes())
    return path
