"""The bundled picture and recording that `demo` and the tests use; NOTICE tells where they come from."""

from pathlib import Path

FOLDER = Path(__file__).parent
PORTRAIT = FOLDER / "portrait.png"
SPEECH = FOLDER / "speech.wav"
