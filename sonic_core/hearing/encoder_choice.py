"""The speech encoders of the package by name; nothing heavy is imported before one is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import SettingsError

if TYPE_CHECKING:
    from .encoders import SpeechEncoder

ENCODERS = ("wav2vec2", "whisper")
DEFAULT_ENCODER = "wav2vec2"


def load_encoder(name: str = DEFAULT_ENCODER) -> SpeechEncoder:
    """The encoder called `name` with the package's weights; the lip reader understands either.

    Raises SettingsError for an unknown name, ModelMissingError when its weights are absent.
    """
    if name == "wav2vec2":
        from .wav2vec2 import BundledWav2Vec2

        return BundledWav2Vec2.load()
    if name == "whisper":
        from .encoders import WhisperEncoder

        return WhisperEncoder.load()
    raise SettingsError(f"encoder is {name!r}; expected one of {', '.join(ENCODERS)}.")
