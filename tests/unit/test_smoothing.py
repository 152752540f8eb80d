"""Temporal smoothing: calms flicker, spares what moves, holds little memory."""

import cv2
import numpy as np
import pytest

from sonic_core.errors import OutputError, SettingsError
from sonic_core.frames import FrameStream
from sonic_core.smoothing.choice import METHOD_NAMES, Smoothing
from sonic_core.smoothing.methods import METHODS
from sonic_core.smoothing.slope import slope

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


def patchy(frames: np.ndarray, seed: int = 6) -> np.ndarray:
    """Every frame brighter here and darker there, sd 2 levels."""
    rng = np.random.default_rng(seed)
    fields = [
        cv2.resize(rng.normal(0, 1, (4, 4)).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        for _ in frames
    ]
    return np.clip(np.rint(frames + np.stack([2 * f / f.std() for f in fields])[..., None]), 0, 255).astype(np.uint8)


def strobing(frames: np.ndarray, colour: tuple[float, float, float] = (1, 1, 1), chunk: int = 14) -> np.ndarray:
    """A step of 3 levels up or down at every chunk, on frames with a little grain."""
    level = 3 * np.resize([0, 1, 0, -1], -(-len(frames) // chunk)).repeat(chunk)[: len(frames)]
    noise = np.random.default_rng(7).normal(0, 0.5, (*frames.shape[:3], 1))
    return np.clip(np.rint(frames + level[:, None, None, None] * np.array(colour) + noise), 0, 255).astype(np.uint8)


def moving(count: int = 24, speed: float = 1.7) -> np.ndarray:
    """A texture that slides by `speed` px a frame."""
    wide = np.hstack([texture(5), texture(6)])
    return np.stack([cv2.getRectSubPix(wide, (SIDE, SIDE), (SIDE / 2 + 4 + speed * i, SIDE / 2)) for i in range(count)])


def rms(frames: np.ndarray, clean: np.ndarray) -> float:
    return float(np.sqrt(np.mean((frames.astype(np.float32) - clean) ** 2)))


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


@pytest.mark.parametrize("method", ["ema", "flow_ema"])
@pytest.mark.parametrize("fault", [flickering, grainy, strobing])
def test_a_blink_of_two_frames_keeps_its_depth(method, fault):
    frames = still()
    frames[20:22, 30:38, 30:60] = (190, 150, 130)
    after = smoothed(method, fault(frames))
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


@pytest.mark.parametrize("method", ["ema", "flow_ema"])
def test_flicker_of_parts_of_the_picture_falls_by_more_than_sixty_percent(method):
    before = patchy(still(60))
    assert rms(smoothed(method, before), still(60)) < 0.4 * rms(before, still(60))


@pytest.mark.parametrize("method", ["ema", "flow_ema"])
@pytest.mark.parametrize("colour", [(1, 1, 1), (1, 0.2, -0.5)])
def test_steps_between_decoded_chunks_are_closed_and_not_ramped(method, colour):
    after = smoothed(method, strobing(still(70), colour))
    level = after.mean(axis=(1, 2))
    assert np.abs(np.diff(level, axis=0)).max() < 0.6
    assert np.ptp(level, axis=0).max() < 1.2


def test_a_step_that_two_frames_share_is_closed_too():
    frames = strobing(still(70)).astype(np.float32)
    halves = frames.copy()
    halves[14::14] = (frames[13:-1:14] + frames[14::14]) / 2
    level = smoothed("ema", np.rint(halves).astype(np.uint8)).mean(axis=(1, 2, 3))
    assert np.abs(np.diff(level)).max() < 0.6


def test_a_closed_step_does_not_shift_the_clip_for_good():
    frames = still(400)
    frames[100:] += 3
    level = smoothed("ema", frames).mean(axis=(1, 2, 3)) - frames.mean(axis=(1, 2, 3))
    assert level[100] < -2.5
    assert np.abs(level[-1]) < 1.5


def test_a_lamp_that_is_switched_on_comes_at_once():
    frames = still(60)
    frames[30:] += 12
    after = smoothed("ema", frames)
    assert np.abs(after.astype(int) - frames).max() <= 1


def test_a_single_flash_goes():
    frames = still(40)
    frames[20] += 5
    level = smoothed("ema", frames).mean(axis=(1, 2, 3)) - still(1).mean()
    assert level[20] < 1.5
    assert np.abs(np.delete(level, 20)).max() < 0.6


def test_grain_on_a_moving_picture_goes_along_its_motion():
    clean = moving()
    inner = np.s_[4:-4, 12:-12, 12:-12]
    left = {name: rms(smoothed(name, grainy(clean))[inner], clean[inner]) for name in ("ema", "flow_ema")}
    assert left["flow_ema"] < 0.7 * rms(grainy(clean)[inner], clean[inner])
    assert left["flow_ema"] < 0.8 * left["ema"]


@pytest.mark.parametrize("method", ["ema", "flow_ema"])
def test_a_clip_without_noise_stays_as_it_is(method):
    frames, _ = talking()
    assert rms(smoothed(method, frames), frames) < 0.3


def test_black_stays_black():
    frames = flickering(still(40))
    frames[:, :40] = 0
    assert smoothed("flow_ema", frames)[:, :36].max() <= 2


@pytest.mark.parametrize("method", SMOOTHING)
def test_frames_of_another_size_are_named(method):
    mixed = [texture(), texture(), texture()[:-8]]
    with pytest.raises(OutputError, match=r"Frame 2 .*120"):
        list(METHODS[method](FrameStream(3, SIDE, SIDE, FPS, lambda: iter(mixed)), 0.5))


@pytest.mark.parametrize("method", SMOOTHING)
def test_frames_that_are_not_uint8_are_named(method):
    floats = np.full((3, SIDE, SIDE, 3), np.nan, np.float32)
    with pytest.raises(OutputError, match="Frame 0 is float32"):
        list(METHODS[method](FrameStream(3, SIDE, SIDE, FPS, lambda: iter(floats)), 0.5))


@pytest.mark.parametrize("method", SMOOTHING)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (16, 16), (33, 97), (250, 64)])
def test_every_size_can_be_smoothed(method, height, width):
    frames = np.random.default_rng(1).integers(0, 255, (5, height, width, 3), np.uint8)
    assert smoothed(method, frames).shape == frames.shape


def test_a_choice_knows_every_method():
    assert set(METHOD_NAMES) == set(METHODS)


def test_a_choice_of_nothing_hands_the_stream_back():
    frames = FrameStream.from_array(still(2), FPS)
    assert Smoothing()(frames) is frames
    assert Smoothing("flow_ema", 0.0)(frames) is frames


@pytest.mark.parametrize("wrong", [{"method": "blur"}, {"method": "ema", "strength": 2.0}, {"strength": float("nan")}])
def test_a_choice_that_cannot_be_made_is_an_error(wrong):
    with pytest.raises(SettingsError):
        Smoothing(**wrong)


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


def test_slope_does_not_depend_on_where_pictures_lie_in_memory():
    luma, held = grainy(moving(1))[0, ..., 0].astype(np.float32), []
    first = slope(luma)
    for size in range(16):
        held.append(np.empty(1007 + 101 * size, np.uint8))  # what comes next lies elsewhere
        assert (slope(luma) == first).all()


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
