"""What several files of these tests share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """A models folder of tiny sonic networks, for tests that only read it; `write_models` writes one that may be changed."""
    from sonic_samples import write_models

    folder = tmp_path_factory.mktemp("models")
    write_models(folder)
    return folder


@pytest.fixture
def small(monkeypatch) -> None:
    """What sonic generates is 64 by 64 pixels, brought to the size that was asked for."""
    from sonic_samples import small_pictures

    small_pictures(monkeypatch)


@pytest.fixture(scope="session")
def three_windows(models):
    """13 key frames at 64 px: three windows of 5 at every step (`short_windows`), the last one pushed back over its neighbour."""
    from sonic_samples import TWO_STEPS, small_clip

    from sonic_core.engines.sonic.engine import SonicEngine

    return small_clip(SonicEngine([models], device="cpu"), 1.0, TWO_STEPS)
