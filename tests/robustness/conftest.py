"""A clip that speaks, made once for all fault tests that need one."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import PICTURE, SMALL, SPEECH, ended


@pytest.fixture(scope="session")
def late_clip(tmp_path_factory) -> Path:
    """The bundled picture with the bundled sentence 200 ms late."""
    from sonic_core.judging.retiming import Correction, retimed_sound
    from sonic_core.media.remux import cut_to, replace_sound
    from sonic_core.media.timed_sound import read_sound
    from sonic_core.media.timeline import read_timeline

    folder = tmp_path_factory.mktemp("late")
    made = folder / "spoken.mp4"
    ended(("generate", "--image", PICTURE, "--audio", SPEECH, *SMALL[2:], "--output", str(made)), folder)
    timeline = read_timeline(made)
    moved = retimed_sound(read_sound(timeline), timeline.rate, timeline.channels, Correction(-200.0), timeline.end)
    return replace_sound(timeline, cut_to(moved, timeline, timeline.end), folder / "late.mp4")
