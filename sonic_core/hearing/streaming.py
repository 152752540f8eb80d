"""Hearing while the sound arrives: Whisper's encoder and the lip reader on a few states at a time, keys and values of the past kept.

A state is heard with what came before it and AGAIN states after it: as long as it is among the newest AGAIN it is computed again with every
step, then its keys and values stay as they are.  On the open lip-sync set this loses 0.006 of bil_f1 and 0.01 of rho_speech against hearing
whole recordings, at a fifth of the cost of hearing the last second again every time.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .encoders import HOP
from .few_states import FewStates
from .lip_reader import OUTPUTS

AGAIN = 8
"""States, 160 ms, whose right context is still growing."""
REMEMBERED = 200
"""States that attention looks back on, 4 s; loudness is levelled by as many."""
POSITIONS = 500
"""Places that lip reader and encoder know; when they are used up, the last RESTART states are heard anew from place 0."""
RESTART = 100
READER_SEES = 9  # states to either side
STEM_SEES = 4  # states before, for the convolutions and the spectrum's windows
PEAKS = 50  # steps whose loudest mel value sets the floor of the quiet ones
LOUDNESS, MOST_GAIN = 0.12, 30.0  # as encoders.levelled
INAUDIBLE = 1e-7
"""Mean square, -70 dB, below which nobody listens: silence costs nothing."""
SILENT = 8.0
"""Logit of what is sure."""


def silent_outputs(states: int) -> Tensor:
    """What the lip reader says of silence, `[states, OUTPUTS]`."""
    outputs = torch.full((states, OUTPUTS), -SILENT)
    outputs[:, :2] = 0  # neither open nor round
    outputs[:, 4] = SILENT
    return outputs


class StreamingReader:
    """What lips do for sound that comes step by step; holds what was heard of one stream.  networks: shared."""

    def __init__(self, networks: FewStates) -> None:
        self._networks = networks
        self._kept = torch.zeros(len(networks.layers), POSITIONS, 2 * networks.width)  # keys and values
        self._powers = np.zeros(0, np.float32)
        self.forget()

    def forget(self) -> None:
        """The sound breaks off; what follows is heard for itself.  The voice's loudness is remembered."""
        self._sound = np.zeros(0, np.float32)
        self._settled = 0  # place of the first state that may still change
        self._views: Tensor | None = None
        self._peaks: list[float] = []

    @torch.no_grad()
    def hear(self, sound: NDArray[np.float32], again: int) -> Tensor:
        """sound: `[samples]` at 16 kHz, whole states.  Returns the lip reader's outputs `[again + new states, OUTPUTS]`.

        again: states before the new ones whose outputs are better now than they were, at most AGAIN.
        """
        new = len(sound) // HOP
        self._sound = np.concatenate([self._sound, sound])[-(RESTART + STEM_SEES + new) * HOP :]
        tail = min(AGAIN + new, len(self._sound) // HOP)
        if np.square(self._sound[-tail * HOP :]).mean() < INAUDIBLE:
            self.forget()
            return silent_outputs(again + new)
        gain = self._gain(sound)
        before = self._views[: max(0, len(self._views) - (tail - new))] if self._views is not None else None
        if self._settled + tail > POSITIONS:
            self._settled = 0
            heard = min(RESTART, len(self._sound) // HOP - STEM_SEES)
            views = self._viewed(self._stem(heard, gain))[-tail:]
        else:
            views = self._viewed(self._stem(tail, gain))
        views = views if before is None else torch.cat([before, views])
        self._views = views[-(READER_SEES + again + new) :]
        outputs = self._networks.read(self._views, again + new)
        return torch.cat([silent_outputs(again + new - len(outputs)), outputs])

    def _gain(self, sound: NDArray[np.float32]) -> float:
        """Brings the loudest third of the last seconds to an even level."""
        powers = np.square(sound.reshape(-1, HOP)).mean(1)
        self._powers = np.concatenate([self._powers, powers])[-REMEMBERED:]
        loudest = np.sort(self._powers)[-max(1, len(self._powers) // 3) :]
        return min(MOST_GAIN, LOUDNESS / max(float(np.sqrt(loudest.mean())), 1e-6))

    def _stem(self, states: int, gain: float) -> Tensor:
        """The convolutions' view of the newest states, `[states, width]`."""
        networks = self._networks
        before = min(STEM_SEES, len(self._sound) // HOP - states)
        sound = torch.from_numpy(gain * self._sound[-(before + states) * HOP :])
        spectrum = torch.stft(sound, 400, 160, window=networks.window, return_complex=True)[..., :-1]
        mel = torch.log10((networks.mel @ spectrum.abs().square()).clamp_min(1e-10))
        self._peaks = [*self._peaks[-PEAKS + 1 :], float(mel.max())]
        return networks.stem((mel.clamp_min(max(self._peaks) - 8) + 4) / 4)[before:]

    def _viewed(self, h: Tensor) -> Tensor:
        """What the lip reader sees of the states at the places from `_settled` on; all but the last AGAIN of them settle."""
        first, last = self._settled, self._settled + len(h)
        oldest = max(0, first - REMEMBERED)
        h = h + self._networks.positions[first:last]
        hidden = [h]
        for layer, kept in zip(self._networks.layers, self._kept, strict=True):
            h = layer(h, kept, first, oldest)
            hidden.append(h)
        hidden[-1] = self._networks.encoder_norm(h)
        self._settled = max(first, last - AGAIN)
        return self._networks.view(hidden)
