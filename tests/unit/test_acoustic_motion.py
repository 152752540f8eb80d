"""The acoustic driver: right place, right time, quiet in silence, the same every time."""

import numpy as np
import pytest

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.loading import load_audio
from sonic_core.audio.resampling import to_mono_16k
from sonic_core.engines.lite.lip_parting import lip_opening, opened_by_lips
from sonic_core.engines.lite.motion_curves import motion_curves
from sonic_core.engines.lite.parameters import PARAMETER_INDEX, PARAMETER_NAMES, PARAMETERS
from sonic_core.samples import SPEECH
from sonic_core.settings import Settings
from tests.benchmarks.acoustic.motion import acoustic_motion

RATE = 16_000
FPS = 25.0
MOUTH = ["jaw", "close", "press", "pucker", "stretch", "upraise", "lowdep", "tongue", "rest"]


@pytest.fixture(scope="module")
def speech():
    return load_audio(SPEECH)


def motion(samples, rate=RATE, **settings):
    samples = np.atleast_2d(np.asarray(samples, np.float32))
    clip = AudioClip(samples, rate)
    return acoustic_motion(clip, clip.frame_count(FPS), Settings(**settings))


def column(track, name):
    return track[:, PARAMETER_INDEX[name]]


def vowel(formants, seconds=0.4, pitch=120):
    """A glottal pulse train through two-pole resonators (Klatt 1980) with a soft beginning and end."""
    from scipy.signal import lfilter

    t = np.arange(round(seconds * RATE))
    sound = lfilter([1], [1, -0.95], (t % round(RATE / pitch) == 0).astype(float))
    for frequency, width in zip(formants, (80, 100, 140), strict=False):
        radius = np.exp(-np.pi * width / RATE)
        sound = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * frequency / RATE), radius**2], sound)
    ramp = np.minimum(1, np.minimum(t, t[::-1]) / (0.03 * RATE))
    return 0.4 * ramp * sound / np.abs(sound).max()


AH, OO, EE, MURMUR = (730, 1090, 2440), (300, 870, 2240), (270, 2290, 3010), (250,)
PAUSE = np.zeros(RATE // 2)


def middle(track, name, start, seconds=0.4):
    """Mean of a parameter over the middle half of a sound."""
    first = round((start + seconds / 4) * FPS)
    return column(track, name)[first : first + round(seconds / 2 * FPS)].mean()


@pytest.fixture(scope="module")
def vowels():
    """Rest, AH, rest, OO, rest, EE, rest: the sounds begin at 0.5, 1.4 and 2.3 s."""
    return motion(np.concatenate([PAUSE, vowel(AH), PAUSE, vowel(OO), PAUSE, vowel(EE), PAUSE]))


def test_a_row_for_every_frame_within_the_ranges(speech):
    track = acoustic_motion(speech, 99, Settings(dynamic_scale=2, motion_scale=2))
    assert track.shape == (99, len(PARAMETERS))
    assert track.dtype == np.float32
    for i, parameter in enumerate(PARAMETERS):
        assert track[:, i].min() >= parameter.low, parameter.name
        assert track[:, i].max() <= parameter.high, parameter.name


def test_ah_opens_wider_than_oo_and_ee(vowels):
    assert middle(vowels, "jaw", 0.5) > 0.3
    assert middle(vowels, "jaw", 0.5) > 1.5 * max(middle(vowels, "jaw", 1.4), middle(vowels, "jaw", 2.3))


def test_oo_rounds_and_ee_spreads(vowels):
    assert middle(vowels, "pucker", 1.4) > middle(vowels, "pucker", 2.3) + 0.2
    assert middle(vowels, "stretch", 2.3) > middle(vowels, "stretch", 1.4) + 0.2


def test_the_mouth_rests_between_the_sounds(vowels):
    assert (
        np.abs(
            vowels[round(1.05 * FPS) : round(1.25 * FPS)][:, [PARAMETER_INDEX[n] for n in ("jaw", "pucker", "stretch")]]
        ).max()
        < 0.02
    )


def test_a_short_pause_does_not_bring_the_pictured_smile_back(speech):
    rest = column(acoustic_motion(speech, 140, Settings(dynamic_scale=1.0)), "rest")
    assert rest[round(1.0 * FPS) : round(5.0 * FPS)].min() > 0.4


def test_in_a_long_pause_the_picture_is_itself():
    rest = column(motion(np.concatenate([vowel(AH), PAUSE, PAUSE, PAUSE, vowel(AH)])), "rest")
    assert rest[round(1.1 * FPS)] < 0.02


def low_passed(sound, cutoff=500):
    spectrum = np.fft.rfft(sound)
    return np.fft.irfft(spectrum / (1 + (np.fft.rfftfreq(len(sound), 1 / RATE) / cutoff) ** 6), len(sound))


@pytest.mark.parametrize(
    "closure", [np.zeros(RATE * 9 // 100), 0.5 * low_passed(vowel(MURMUR, 0.09))], ids=["stop", "murmur"]
)
def test_lips_shut_between_vowels(closure):
    opening = lip_opening(motion(np.concatenate([PAUSE, vowel(AH, 0.25), closure, vowel(AH, 0.25), PAUSE])))
    during = opening[round(0.75 * FPS) : round(0.85 * FPS) + 1].min()
    assert during < 0.2 * min(opening[round(0.6 * FPS)], opening[round(0.96 * FPS)])


def test_hiss_keeps_the_teeth_together_but_shows_them():
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(RATE * 3 // 10))
    spectrum[: round(4000 * 0.3)] = 0
    hiss = 0.1 * np.fft.irfft(spectrum)
    track = motion(np.concatenate([PAUSE, vowel(AH, 0.3), hiss, vowel(AH, 0.3), PAUSE]))
    assert 0.05 < middle(track, "jaw", 0.8, 0.3) < 0.5 * middle(track, "jaw", 0.5, 0.3)
    assert middle(track, "lowdep", 0.8, 0.3) > 0.2


def test_the_mouth_moves_with_the_sound_not_after_it():
    """Bursts of a vowel at known times: the opening's centre of gravity is that of the sound within 10 ms."""
    period, length = 0.733, 0.2
    sound = np.zeros(round(9 * RATE))
    centres = np.arange(1, 10) * period
    for centre in centres:
        burst = vowel(AH, length)
        first = round((centre - length / 2) * RATE)
        sound[first : first + len(burst)] = burst
    opening = lip_opening(motion(sound))
    times = np.arange(len(opening)) / FPS
    lags = []
    for centre in centres:
        near = np.abs(times - centre) < 0.25
        lags.append((times[near] * opening[near]).sum() / opening[near].sum() - centre)
    assert abs(np.mean(lags)) < 0.010


@pytest.mark.parametrize("level", [0.0, 1e-6, 0.003, 0.05])
def test_the_mouth_stays_shut_without_speech(level):
    track = motion(level * np.random.default_rng(1).standard_normal(5 * RATE))
    assert np.abs(track[:, [PARAMETER_INDEX[name] for name in MOUTH]]).max() < 0.02


def test_a_steady_tone_is_not_speech():
    t = np.arange(5 * RATE) / RATE
    assert lip_opening(motion(0.3 * np.sin(2 * np.pi * 440 * t))).max() < 0.02


def test_noise_around_speech_does_not_open_the_mouth(speech):
    mono = to_mono_16k(speech)
    quiet = np.zeros(2 * RATE)
    noisy = np.concatenate([quiet, mono, quiet])
    noisy = noisy + 0.003 * np.random.default_rng(2).standard_normal(len(noisy))
    opening = lip_opening(motion(noisy))
    assert opening[5:45].max() < 0.02
    assert opening[-45:-5].max() < 0.02


def test_background_noise_changes_little(speech):
    mono = to_mono_16k(speech)
    noise = np.random.default_rng(3).standard_normal(len(mono)) * mono.std() / 10
    assert np.corrcoef(lip_opening(motion(mono)), lip_opening(motion(mono + noise)))[0, 1] > 0.85


def test_the_level_of_the_recording_does_not_matter(speech):
    mono = to_mono_16k(speech)
    np.testing.assert_allclose(lip_opening(motion(mono)), lip_opening(motion(mono / 10)), atol=0.02)


def test_the_sample_opens_closes_and_rests(speech):
    opening = lip_opening(acoustic_motion(speech, speech.frame_count(FPS), Settings()))
    assert np.percentile(opening, 95) > 0.3
    assert opening[:4].max() < 0.02
    speaking = opening[round(0.75 * FPS) : round(2.2 * FPS)]  # "Give me one photo and a bit of"
    assert (speaking < 0.03).any()


def test_the_same_seed_gives_the_same_track(speech):
    tracks = [acoustic_motion(speech, 140, Settings(seed=7)) for _ in range(2)]
    np.testing.assert_array_equal(*tracks)


def test_another_seed_changes_everything_but_the_mouth(speech):
    a, b = (acoustic_motion(speech, 140, Settings(seed=seed)) for seed in (1, 2))
    mouth = [PARAMETER_INDEX[name] for name in MOUTH]
    np.testing.assert_array_equal(a[:, mouth], b[:, mouth])
    assert np.abs(column(a, "yaw") - column(b, "yaw")).max() > 0.2


def test_dynamic_scale_is_the_amplitude_of_the_mouth(speech):
    one, half = (acoustic_motion(speech, 140, Settings(dynamic_scale=scale)) for scale in (1.0, 0.5))
    np.testing.assert_allclose(column(half, "jaw"), column(one, "jaw") / 2, atol=1e-5)
    np.testing.assert_allclose(column(half, "yaw"), column(one, "yaw"))


def test_other_frame_rates_describe_the_same_motion(speech):
    slow = lip_opening(acoustic_motion(speech, 70, Settings(), fps=12.5))
    fast = lip_opening(acoustic_motion(speech, 140, Settings(), fps=25.0))
    np.testing.assert_allclose(slow, fast[::2], atol=1e-6)


def test_frames_after_the_recording_are_at_rest():
    clip = AudioClip(vowel(AH, 1.0).astype(np.float32)[None], RATE)
    assert lip_opening(acoustic_motion(clip, 50, Settings()))[26:].max() == 0


def test_a_tenth_of_a_second_is_enough():
    clip = AudioClip(vowel(AH, 0.1).astype(np.float32)[None], RATE)
    assert np.isfinite(acoustic_motion(clip, clip.frame_count(FPS), Settings())).all()


def test_curves_have_every_parameter_and_the_form_of_the_scorer(speech):
    track = acoustic_motion(speech, 50, Settings())
    curves = motion_curves(track, FPS)
    assert (curves["fps"], curves["t0"], curves["closed_value"]) == (25.0, 0.0, 0.0)
    assert set(PARAMETER_NAMES) | {"open", "round"} <= set(curves)
    assert all(len(curves[name]) == 50 for name in (*PARAMETER_NAMES, "open", "round"))
    opening = column(track, "jaw") + opened_by_lips(track)
    np.testing.assert_allclose(curves["open"], opening * (1 - column(track, "close")), atol=1e-5)
