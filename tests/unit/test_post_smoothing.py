"""Temporal smoothing: calms flicker, spares what moves, holds little memory."""

import cv2
import numpy as np
import pytest

from sonic_core.errors import SettingsError
from sonic_core.frames import FrameStream
from sonic_core.post.smoothing import METHODS

FPS, SIDE = 25.0, 128
SMOOTHING = [name for name in METHODS if name != "none"]


def texture(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 60, (SIDE, SIDE, 3)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 3) * 4 + 120, 20, 235).astype(np.uint8)


def still(count: int = 40) -> np.ndarray:
    return np.repeat(texture()[None], count, axis=0)


def flickering(frames: np.ndarray, seed: int = 1) -> np.ndarray:
    """Every frame brighter or darker as a whole, sd 2 levels."""
    shift = np.random.default_rng(seed).normal(0, 2, len(frames))
    return np.clip(np.rint(frames + shift[:, None, None, None]), 0, 255).astype(np.uint8)


def grainy(frames: np.ndarray, seed: int = 3) -> np.ndarray:
    """Noise in every pixel, sd 2 levels, the same in all channels."""
    noise = np.random.default_rng(seed).normal(0, 2, (*frames.shape[:3], 1))
    return np.clip(np.rint(frames + noise), 0, 255).astype(np.uint8)


def smoothed(method: str, frames: np.ndarray, strength: float = 0.5) -> np.ndarray:
    return np.stack(list(METHODS[method](FrameStream.from_array(frames, FPS), strength)))


def talking(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Frames with a dark slot that opens and closes five times a second at most, and its height in px."""
    time = np.arange(count) / FPS
    height = np.round(12 * np.abs(np.sin(2 * np.pi * 1.7 * time)) * (np.sin(2 * np.pi * 0.6 * time) > -0.5)).astype(int)
    frames = still(count)
    for frame, tall in zip(frames, height, strict=True):
        frame[60 : 60 + tall, 40:88] = (45, 20, 20)
    return frames, height


def slot_height(frames: np.ndarray) -> np.ndarray:
    return (frames[:, 60:72, 50:78].mean(axis=(2, 3)) < 50).sum(axis=1)


@pytest.mark.parametrize("method", METHODS)
def test_strength_zero_returns_the_same_stream(method):
    frames = FrameStream.from_array(still(3), FPS)
    assert METHODS[method](frames, 0.0) is frames


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 30])
def test_every_method_keeps_the_number_of_frames(method, count):
    frames = FrameStream(count, SIDE, SIDE, FPS, lambda: iter(still(count)))
    assert len(list(METHODS[method](frames, 0.7))) == count


@pytest.mark.parametrize("method", SMOOTHING)
def test_still_frames_come_back_bit_identical(method):
    assert np.array_equal(smoothed(method, still(), 1.0), still())


@pytest.mark.parametrize("method", ["ema", "flow_ema"])
def test_brightness_flicker_falls_by_more_than_sixty_percent(method):
    before = flickering(still(80))
    after = smoothed(method, before)
    change = [np.abs(np.diff(frames.mean(axis=(1, 2, 3)))).mean() for frames in (before, after)]
    assert change[1] < 0.4 * change[0]
    error = [np.sqrt(np.mean((frames.astype(float) - still(80)) ** 2)) for frames in (before, after)]
    assert error[1] < 0.4 * error[0]


@pytest.mark.parametrize("method", ["ema", "flow_ema"])
def test_pixel_noise_falls_by_more_than_half(method):
    noise = np.random.default_rng(3).normal(0, 2, (40, SIDE, SIDE, 1))
    before = np.clip(np.rint(still() + noise), 0, 255).astype(np.uint8)
    error = [np.std(frames.astype(float) - still()) for frames in (before, smoothed(method, before))]
    assert error[1] < 0.5 * error[0]


@pytest.mark.parametrize("method", SMOOTHING)
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_a_talking_mouth_keeps_its_amplitude_and_its_time(method, strength):
    frames, height = talking()
    seen = slot_height(smoothed(method, flickering(frames), strength))
    assert seen.std() > 0.95 * height.std()
    assert np.abs(seen - height).mean() < 0.25


def test_a_blink_of_two_frames_keeps_its_depth():
    frames = still()
    frames[20:22, 30:38, 30:60] = (190, 150, 130)
    after = smoothed("ema", flickering(frames))
    lids = [f[:, 32:36, 34:56].astype(float) for f in (frames, after)]
    depth = [np.abs(lid[20:22] - lid[[10, 30]]).mean() for lid in lids]
    assert depth[1] > 0.9 * depth[0]


@pytest.mark.parametrize("method", ["ema", "flow_ema"])
def test_a_moving_head_leaves_no_ghost(method):
    wide = np.hstack([texture(5), texture(6)])
    frames = np.stack([wide[:, 2 * i : 2 * i + SIDE] for i in range(40)])
    after = smoothed(method, frames, 1.0)
    inner = np.s_[:, 8:-8, 8:-8]
    assert np.sqrt(np.mean((after[inner].astype(float) - frames[inner]) ** 2)) < 1.5


def test_a_slow_fade_stays_where_it_is():
    fade = np.clip(still(60) * np.linspace(0.6, 1.1, 60)[:, None, None, None], 0, 255).astype(np.uint8)
    level = [frames[10:50].mean(axis=(1, 2, 3)) for frames in (fade, smoothed("ema", fade))]
    assert np.abs(level[0] - level[1]).max() < 0.5


def test_a_change_of_scene_is_not_blended():
    frames = np.concatenate([still(15), 255 - still(15) // 2])
    after = smoothed("ema", frames, 1.0)
    assert np.abs(after[14].astype(int) - frames[14]).max() <= 1
    assert np.abs(after[15].astype(int) - frames[15]).max() <= 1


@pytest.mark.parametrize("method", SMOOTHING)
def test_smoothing_is_repeatable_and_leaves_its_input_alone(method):
    frames, _ = talking(20)
    kept = frames.copy()
    assert np.array_equal(smoothed(method, frames), smoothed(method, frames))
    assert np.array_equal(frames, kept)


@pytest.mark.parametrize("method", SMOOTHING)
def test_rounding_has_no_bias(method):
    before = grainy(still(40), seed=4)
    assert abs(smoothed(method, before).mean() - before.mean()) < 0.1


@pytest.mark.parametrize("method", SMOOTHING)
def test_only_a_few_frames_are_held(method):
    made = 0

    def endless():
        nonlocal made
        while True:
            made += 1
            yield texture()

    stream = iter(METHODS[method](FrameStream(10_000, SIDE, SIDE, FPS, endless), 1.0))
    for _ in range(50):
        next(stream)
    assert made <= 50 + 36


def test_strength_beyond_its_range_is_an_error():
    with pytest.raises(SettingsError, match="strength"):
        METHODS["ema"](FrameStream.from_array(still(2), FPS), 1.5)
