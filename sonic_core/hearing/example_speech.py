"""Speech to try an encoder with: noise, which is far from all that it was trained on, magnifies differences that speech does not have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..audio.loading import load_audio
from ..audio.resampling import to_mono_16k
from ..samples import SPEECH
from .encoders import levelled


def example_speech(sizes: Mapping[str, int]) -> list[NDArray[np.float32]]:
    """The bundled recording at 16 kHz, over and over, `sizes["samples"]` long; see `runtime.network.NetworkSpec`."""
    return [levelled(np.resize(to_mono_16k(load_audio(SPEECH)), sizes["samples"]))]
