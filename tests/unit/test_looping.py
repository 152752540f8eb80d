"""Clips that repeat: they begin and end as the picture, and say in between what they say."""

import numpy as np
import pytest

from sonic_core.audio.loading import load_audio
from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.engines.lite.looping import EASE, EASE_MOUTH, begun_and_ended_at_rest
from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETER_NAMES, neutral
from sonic_core.portrait.analysis import load_portrait
from sonic_core.samples import PORTRAIT, SPEECH
from sonic_core.settings import Settings


@pytest.mark.parametrize("length", [1, 2, 3, 20, 250])
def test_first_and_last_row_are_the_picture(length):
    track = np.full((length, len(PARAMETER_NAMES)), 0.4, np.float32)
    eased = begun_and_ended_at_rest(track, 25)
    assert np.array_equal(eased[[0, -1]], np.tile(neutral(), (2, 1)))
    assert np.all(track == np.float32(0.4))


def test_between_the_eases_nothing_changes_and_the_mouth_is_eased_least():
    track = np.full((200, len(PARAMETER_NAMES)), 0.4, np.float32)
    eased = begun_and_ended_at_rest(track, 25)
    head, mouth = eased[:, PARAMETER_INDEX["yaw"]], eased[:, PARAMETER_INDEX["jaw"]]
    edge, mouth_edge = int(EASE * 25), int(EASE_MOUTH * 25)
    assert np.all(head[edge:-edge] == np.float32(0.4))
    assert np.all(mouth[mouth_edge:-mouth_edge] == np.float32(0.4))
    assert np.abs(np.diff(head)).max() < 0.05


def test_first_and_last_frame_of_a_loopable_clip_are_the_same(tmp_path):
    engine = LiteEngine()
    settings = Settings(loopable=True, min_resolution=256)
    conditioning = engine.prepare(load_portrait(PORTRAIT, cache_dir=tmp_path), load_audio(SPEECH, length=2), settings)
    latents = engine.sample(conditioning, settings)
    frames = list(engine.decode(conditioning, latents))
    assert np.abs(frames[0].astype(int) - frames[-1].astype(int)).mean() <= 0.5
    assert np.abs(frames[0].astype(int) - frames[len(frames) // 2].astype(int)).mean() > 0.5
