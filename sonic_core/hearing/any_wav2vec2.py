"""Any Wav2Vec2 that transformers saved, the user's own; the package's runs without transformers (wav2vec2.py)."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ModelMissingError
from .encoder_choice import WEIGHTS
from .encoders import HOP
from .wav2vec2 import receptive_field


class Wav2Vec2Encoder:
    """A Wav2Vec2 folder (`transformers.Wav2Vec2Model`), the package's or the user's: projected convolutions, every layer's hidden states.

    `do_normalize` of its preprocessor_config.json (true where that file is missing) says whether a block is brought to zero mean and
    unit variance or heard as levelled.
    """

    def __init__(self, folder: Path = WEIGHTS / "wav2vec2") -> None:
        if not (Path(folder) / "config.json").is_file():
            raise ModelMissingError(
                f"{folder} holds no Wav2Vec2 model: config.json is missing. Give the folder of a model saved by transformers, "
                "for example a copy of facebook/wav2vec2-base (config.json and model.safetensors)."
            )
        from transformers import Wav2Vec2Model

        preprocessor = Path(folder) / "preprocessor_config.json"
        try:
            model = Wav2Vec2Model.from_pretrained(folder, local_files_only=True)
            given = json.loads(preprocessor.read_text(encoding="utf-8")) if preprocessor.is_file() else {}
            self._normalized = bool(given.get("do_normalize", True))
        except Exception as error:  # whatever transformers runs into in a damaged folder
            why = " ".join(str(error).split())[:200]
            raise ModelMissingError(
                f"{folder} holds no Wav2Vec2 model that can be read ({type(error).__name__}: {why}); download it again."
            ) from error
        self.model = model.float().eval().requires_grad_(False)
        config = self.model.config
        stride = math.prod(config.conv_stride)
        if stride != HOP:
            raise ModelMissingError(
                f"{folder}: one state every {stride} samples; expected {HOP}. Use a Wav2Vec2 with the usual strides."
            )
        self._margin = receptive_field(config.conv_kernel, config.conv_stride) // 2
        self.name, self.layers, self.width = Path(folder).name, config.num_hidden_layers + 1, config.hidden_size

    def states(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `encoders.SpeechEncoder`."""
        with torch.inference_mode():
            return self(torch.from_numpy(waveform)[None])[0].numpy()

    def __call__(self, waveforms: Tensor) -> Tensor:
        """`[batch, samples]`, samples a multiple of 320 and at most 160 000 -> `[batch, T, layers, width]`."""
        if self._normalized:
            mean, deviation = waveforms.mean(1, keepdim=True), waveforms.std(1, keepdim=True)
            waveforms = (waveforms - mean) / (deviation + 1e-5)
        centred = F.pad(waveforms, (self._margin, self._margin))  # state i then is centred on sample i * 320
        result = self.model(centred, output_hidden_states=True)
        # Versions of transformers differ in whether the last hidden state is normalised; this one always is.
        hidden = [*result.hidden_states[:-1], result.last_hidden_state]
        return torch.stack(hidden, 2)[:, : waveforms.shape[1] // HOP]
