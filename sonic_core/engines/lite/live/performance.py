"""One live performance of the lite engine: sound in steps in, settled motion out.

Everything is kept for a window that ends with the newest sound: outputs of the lip reader, motion latents, the prosody.  A frame is
settled LOOK_AHEAD frames after its sound; the networks and the rules see those frames too, as drafts.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....hearing.lip_motion import MOUTH
from ....hearing.lip_reader import PHONES, Articulation
from ....hearing.streaming import StreamingReader, silent_outputs
from ....settings import Settings
from ...streaming import Moment, Performance
from ..lip_parting import parted_as_heard
from ..motion_rules import at_rest_in_silence, closed_on_bilabials
from ..motion_space import CHANNELS, conditions, track_from_channels
from ..parameters import PARAMETER_INDEX
from .bearing import Bearing
from .easing import FPS, Eased
from .networks import LiveNetworks
from .voice import Voice

STEP, LOOK_AHEAD = 2, 2
PAST = 50
"""Frames of the window that are settled: 2 s, what the slowest rule looks back on."""
KNOWN = 24
"""Settled frames that the denoiser sees: as many as in training."""
STATES = 2  # of the lip reader a frame
SAMPLES = 640  # of a frame
QUICKEST_REST = 0.1
"""By how much the picture's own opening may be taken away from one frame to the next."""
FALL = (0.4, 0.0)
"""What is left of the mouth in the frames after an interruption."""


class LitePerformance(Performance):
    """networks: shared.  settings: LIVE_SETTINGS of them act."""

    def __init__(self, networks: LiveNetworks, settings: Settings) -> None:
        self._denoiser, self._space, self._settings = networks.few_frames, networks.space, settings
        self._listening = StreamingReader(networks.few_states)
        self._voice = Voice()
        self._bearing = Bearing(settings)
        self._generator = torch.Generator().manual_seed(settings.seed)
        self._outputs = silent_outputs(STATES * (PAST + LOOK_AHEAD))  # of the settled frames and the drafts
        self._latents = torch.from_numpy(
            self._space.encode(np.zeros((PAST, len(CHANNELS)), np.float32))
        )  # of settled frames
        self._noise = self._drawn(KNOWN + LOOK_AHEAD)  # of the known frames and the drafts
        self._last_mouth = np.zeros(len(MOUTH) - 1, np.float32)
        self._fall: list[float] = []
        self._rest = Eased()

    @torch.inference_mode()
    def hear(self, sound: NDArray[np.float32]) -> list[Moment]:
        settled = len(sound) // SAMPLES
        heard = self._listening.hear(sound, STATES * LOOK_AHEAD)
        outputs = torch.cat([self._outputs[: STATES * PAST], heard])
        articulation, window = Articulation.from_outputs(outputs.numpy()), PAST + settled + LOOK_AHEAD
        prosody = self._voice.hear(sound, window)
        pause = articulation.phones[::STATES, PHONES.index("SIL")] > 0.5
        latents = self._denoised(torch.from_numpy(conditions(articulation, prosody, window, FPS)))
        track = self._mouth(track_from_channels(self._space.decode(latents.numpy())), articulation)
        track = self._falling(self._relaxing(track, settled), settled)
        shown = self._bearing.settle(track, PAST, settled, prosody, pause)
        self._latents, self._outputs = latents[settled : settled + PAST], outputs[STATES * settled :]
        return [Moment(pose, not quiet) for pose, quiet in zip(shown, pause[PAST:], strict=False)]

    def adjust(self, settings: Settings) -> None:
        if settings.seed != self._settings.seed:
            self._generator.manual_seed(settings.seed)
        self._settings = settings
        self._bearing.adjust(settings)

    def interrupt(self, unshown: int) -> None:
        self._listening.forget()
        self._voice.forget(unshown + LOOK_AHEAD)
        self._outputs = silent_outputs(STATES * (PAST + LOOK_AHEAD))
        if unshown:
            self._latents = torch.cat([self._latents[:1].expand(unshown, -1), self._latents[:-unshown]])
        self._fall = list(FALL)

    def _drawn(self, frames: int) -> Tensor:
        """Noise `[frames, C]`, the next of the seed's."""
        return torch.randn(frames, len(CHANNELS), generator=self._generator)

    def _denoised(self, cues: Tensor) -> Tensor:
        """Latents `[window, C]`: the settled ones as they are, the others made to follow them."""
        known, window = self._latents[-KNOWN:], len(cues) - PAST + KNOWN
        self._noise = torch.cat([self._noise, self._drawn(window - len(self._noise))])
        made = self._denoiser.sample(known, cues[-window:], self._noise)
        self._noise = self._noise[-(KNOWN + LOOK_AHEAD) :]
        return torch.cat([self._latents, made])

    def _mouth(self, track: NDArray[np.float32], articulation: Articulation) -> NDArray[np.float32]:
        """The rules of the mouth: rest in silence, jaw and lips together, closures."""
        track = parted_as_heard(at_rest_in_silence(track, articulation, FPS))
        return closed_on_bilabials(track, articulation, FPS)

    def _relaxing(self, track: NDArray[np.float32], settled: int) -> NDArray[np.float32]:
        """The picture's own opening comes back gently: that a pause is a long one is only known when it has lasted."""
        for i in range(PAST, PAST + settled):
            rest, before = float(track[i, PARAMETER_INDEX["rest"]]), self._rest.value
            self._rest.target = rest
            if rest >= self._rest.next():
                self._rest.jump(min(rest, before + QUICKEST_REST))
            track[i, PARAMETER_INDEX["rest"]] = self._rest.value
        return track

    def _falling(self, track: NDArray[np.float32], settled: int) -> NDArray[np.float32]:
        """After an interruption the mouth comes to rest from where it was last seen."""
        columns = [PARAMETER_INDEX[name] for name in MOUTH if name != "rest"]
        for i in range(PAST, PAST + settled):
            if self._fall:
                left = self._fall.pop(0)
                track[i, columns] = left * self._last_mouth + (1 - left) * track[i, columns]
            else:
                self._last_mouth = track[i, columns]
        return track
