"""The stage of the lite engine: the measured portrait, which draws any pose at any time, and the networks of its motion."""

from __future__ import annotations

from typing import Any

from ....frames import Frame
from ....portrait.framing import FramedPortrait
from ....settings import Settings
from ...streaming import Stage
from ..renderer import PortraitRenderer
from .networks import LiveNetworks
from .performance import FPS, LOOK_AHEAD, STEP, LitePerformance


class LiteStage(Stage):
    """framed: the portrait at the size of the frames.  renderer: of it.  networks: shared with other stages."""

    def __init__(self, framed: FramedPortrait, renderer: PortraitRenderer, networks: LiveNetworks) -> None:
        self._paste, self._renderer, self._networks = framed.paste, renderer, networks
        shown = framed.paste.image if framed.paste else framed.portrait.image
        self.height, self.width = shown.shape[:2]
        self.fps, self.step, self.look_ahead = FPS, STEP, LOOK_AHEAD
        self.notes = framed.notes + renderer.notes + renderer.warnings

    def perform(self, settings: Settings) -> LitePerformance:
        return LitePerformance(self._networks, settings)

    def draw(self, pose: Any) -> Frame:
        frame = self._renderer.render(pose)
        return self._paste.apply(frame) if self._paste else frame
