"""The live core: sound in pieces of any kind goes in, the same sound comes out with the frames, silence lives."""

import numpy as np
import pytest
from live_samples import LoudnessStage, tone

from sonic_core.audio.resampling import resample
from sonic_core.audio.stream_resampling import StreamResampler
from sonic_core.errors import AudioError, SettingsError, SoundBufferFullError
from sonic_core.live.core import LiveCore

RATE = 48_000


def pulled(core, count):
    return [core.pull() for _ in range(count)]


def heard(frames):
    return np.concatenate([frame.audio for frame in frames])


def trimmed(sound):
    (loud,) = np.nonzero(np.abs(sound) > 1e-4)
    return sound[loud[0] : loud[-1] + 1]


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("piece", [37, 480, 5_000])
def test_pieces_resampled_one_after_the_other_are_the_whole_resampled(rate, piece):
    sound = np.random.default_rng(1).normal(0, 0.1, rate // 2).astype(np.float32)
    stream = StreamResampler(rate, RATE)
    made = [stream.push(sound[i : i + piece]) for i in range(0, len(sound), piece)]
    made = np.concatenate([*made, stream.flush()])
    whole = resample(sound[None], rate, RATE)[0]
    assert len(made) == len(whole)
    assert np.abs(made - whole).max() < 1e-6


def test_silence_gives_frames_without_end_and_without_sound():
    frames = pulled(LiveCore(LoudnessStage()), 60)
    assert [frame.time for frame in frames] == pytest.approx([i / 25 for i in range(60)])
    assert all(frame.audio.shape == (RATE // 25,) and frame.audio.dtype == np.float32 for frame in frames)
    assert not heard(frames).any()
    assert not any(frame.speaking for frame in frames)


def test_an_utterance_comes_out_whole_with_the_frames_it_belongs_to():
    core = LiveCore(LoudnessStage())
    before = pulled(core, 11)
    sound = tone(0.73, RATE)
    core.push_audio(sound, RATE)
    core.end_of_speech()
    frames = before + pulled(core, 40)
    spoken = heard(frames)
    at = int(np.argmax(np.abs(spoken) > 1e-4))
    assert np.array_equal(spoken[at - 1 :][: len(sound)], sound)
    assert not spoken[at - 1 + len(sound) :].any()
    for frame in frames:  # the picture of a frame was made of its own sound, after two resamplings
        assert frame.image[0, 0, 0] == pytest.approx(255 * np.abs(frame.audio).max(), abs=6)


def test_sound_pushed_as_it_is_spoken_comes_out_without_a_gap():
    core, sound, frames = LiveCore(LoudnessStage()), tone(2, 16_000), []
    for i in range(0, len(sound), 640):
        core.push_audio(sound[i : i + 640], 16_000)
        frames.append(core.pull())
    core.end_of_speech()
    frames += pulled(core, 10)
    assert np.allclose(trimmed(heard(frames)), trimmed(resample(sound[None], 16_000, RATE)[0]), atol=1e-6)
    assert core.gaps == 0


def test_channels_are_mixed_and_rates_may_change():
    core = LiveCore(LoudnessStage(), longest_wait=5)
    for rate in (8_000, 44_100, 16_000):
        core.push_audio(np.stack([tone(0.4, rate), tone(0.4, rate)]), rate)
    core.end_of_speech()
    assert core.waiting == pytest.approx(1.2, abs=0.002)
    assert len(trimmed(heard(pulled(core, 50)))) == pytest.approx(1.2 * RATE, abs=100)


def test_clipped_sound_is_kept_within_range():
    core = LiveCore(LoudnessStage())
    core.push_audio(8 * tone(0.5, RATE), RATE)
    core.end_of_speech()
    assert np.abs(heard(pulled(core, 30))).max() == 1


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros(100, np.int16), 16_000, "Divide 16-bit samples"),
        (np.zeros((100, 2, 2), np.float32), 16_000, "shape"),
        (np.full(100, np.nan, np.float32), 16_000, "NaN"),
        (np.zeros(100, np.float32), 4_000, "rate"),
        (np.zeros(100, np.float32), 44_099, "usual rate"),
    ],
)
def test_what_is_no_sound_is_refused(samples, rate, words):
    with pytest.raises(AudioError, match=words):
        LiveCore(LoudnessStage()).push_audio(samples, rate)


def test_an_hour_at_once_is_refused_and_nothing_of_it_taken():
    core = LiveCore(LoudnessStage())
    with pytest.raises(SoundBufferFullError, match=r"3600\.0 s of sound .* holds 60 s"):
        core.push_audio(np.zeros(3600 * 8_000, np.float32), 8_000)
    assert core.waiting == 0
    core.push_audio(tone(1), 16_000)
    assert core.waiting == pytest.approx(1, abs=0.01)


def test_an_interruption_drops_what_was_not_shown():
    core = LiveCore(LoudnessStage())
    core.push_audio(tone(3, RATE), RATE)
    core.end_of_speech()
    pulled(core, 20)
    core.interrupt()
    frames = pulled(core, 20)
    assert core.waiting == 0
    fade = round(0.005 * RATE)
    assert not heard(frames)[fade:].any()
    assert np.abs(np.diff(heard(frames)[:fade])).max() < 0.05  # and it does not click
    assert core.dropped_sound == pytest.approx(3 - 18 / 25, abs=0.1)
    core.push_audio(tone(0.5, RATE), RATE)
    core.end_of_speech()
    assert np.abs(heard(pulled(core, 20))).max() > 0.4


def test_the_performance_is_told_how_many_frames_were_not_shown():
    stage = LoudnessStage()
    core = LiveCore(stage)
    core.push_audio(tone(3), 16_000)
    pulled(core, 21)
    core.interrupt()
    core.pull()
    assert stage.performances[0].interrupted == [1]


def test_sound_that_is_late_makes_one_gap_and_loses_nothing():
    core, sound = LiveCore(LoudnessStage()), tone(1, RATE)
    core.push_audio(sound[: RATE // 2], RATE)
    frames = pulled(core, 25)
    core.push_audio(sound[RATE // 2 :], RATE)
    core.end_of_speech()
    frames += pulled(core, 25)
    assert core.gaps == 1
    assert np.abs(heard(frames)).sum() == pytest.approx(np.abs(sound).sum(), rel=0.02)  # but for the fades at the gap


def words(pause, count=12):
    """Words of 0.4 s with `pause` s of silence between."""
    return np.tile(np.concatenate([tone(0.4, RATE), np.zeros(round(pause * RATE), np.float32)]), count)


def fed(core, sound, late):
    """Frames while packets of 20 ms come as they are spoken, those from 1 s on `late` s late; and how long each step's sound waited."""
    frames, left, packet, sent = [], [], RATE // 50, 0
    for i in range(25 * len(sound) // RATE):
        while (
            sent + packet <= len(sound)
            and sent / RATE + 0.02 + (late if RATE <= sent < 1.2 * RATE else 0) <= i / 25 + 1e-6
        ):
            core.push_audio(sound[sent : sent + packet], RATE)
            sent += packet
        frames += pulled(core, 1)
        left.append(core.waiting)
    core.push_audio(sound[sent:], RATE)
    core.end_of_speech()
    return frames + pulled(core, 25), left


def test_what_is_kept_back_after_a_gap_shrinks_in_the_silence_between_words():
    core, sound = LiveCore(LoudnessStage()), words(0.1)
    frames, left = fed(core, sound, 0.07)
    assert core.gaps == 1
    assert min(left[35:45]) > 0.02  # after the gap
    assert min(left[-25:]) < 0.016  # 0.01 before it
    assert np.abs(heard(frames)).sum() == pytest.approx(np.abs(sound).sum(), rel=0.01)  # but for the fades at the gap
    assert frames[-1].through == core.pushed


def test_sound_that_is_heard_is_never_left_out():
    core, sound = LiveCore(LoudnessStage()), words(0.015)
    frames, left = fed(core, sound, 0.07)
    assert core.gaps == 1
    assert min(left[-25:]) > 0.02
    assert len(trimmed(heard(frames))) >= len(trimmed(sound))


def test_silence_of_sound_that_is_sent_ahead_stays():
    """As much waits for as long as after a gap, but there was none."""
    core, sound, frames, sent = LiveCore(LoudnessStage()), words(0.1), [], 0
    for i in range(25 * len(sound) // RATE):
        until = round((0.15 + (i + 1) / 25) * RATE)
        if sent < len(sound):
            core.push_audio(sound[sent:until], RATE)
            if until >= len(sound):
                core.end_of_speech()
        sent = until
        frames += pulled(core, 1)
    assert core.gaps == 0
    assert len(trimmed(heard(frames + pulled(core, 25)))) == pytest.approx(len(trimmed(sound)), abs=4)


def test_settings_change_while_it_runs():
    stage = LoudnessStage()
    core = LiveCore(stage)
    core.pull()
    assert core.adjust(emotion="happy", motion_scale=0.5).emotion == "happy"
    core.pull()
    assert [settings.motion_scale for settings in stage.performances[0].settings] == [0.5]
    with pytest.raises(SettingsError, match="min_resolution cannot change"):
        core.adjust(min_resolution=256)
    with pytest.raises(SettingsError, match="emotion is 'bored'"):
        core.adjust(emotion="bored")


def test_a_frame_that_is_not_drawn_repeats_the_image_and_keeps_its_sound():
    stage = LoudnessStage()
    core = LiveCore(stage)
    core.push_audio(tone(1, RATE), RATE)
    first = core.pull(draw=False)  # there is none to repeat yet
    second = core.pull(draw=False)
    assert first.drawn
    assert not second.drawn
    assert second.image is first.image
    assert stage.drawn == 1
    assert len(trimmed(heard(pulled(core, 24)))) > 0.8 * RATE


def test_a_rate_without_whole_frames_is_refused():
    with pytest.raises(SettingsError, match="no whole number of samples"):
        LiveCore(LoudnessStage(), rate=44_101)


def test_what_is_over_of_what_was_pushed_is_told_with_every_frame():
    core = LiveCore(LoudnessStage())
    core.push_audio(tone(1.0), 16_000)
    core.end_of_speech()
    assert core.pushed == pytest.approx(1.0, abs=0.01)
    through = [core.pull().through for _ in range(40)]
    assert through[0] == 0
    assert np.diff(through).max() <= 0.0401
    assert through[-1] == core.pushed
    core.push_audio(tone(5), 16_000)
    core.interrupt()
    core.push_audio(tone(1), 16_000)
    dropped, after = core.pushed - 1, [core.pull().through for _ in range(60)]
    assert after[0] == pytest.approx(dropped, abs=0.02)
    core.end_of_speech()
    assert [core.pull() for _ in range(10)][-1].through == core.pushed


def test_an_end_that_nobody_announced_comes_out_all_the_same():
    core = LiveCore(LoudnessStage())
    core.push_audio(tone(1), 16_000)
    pulled(core, 60)
    for _ in range(4):  # four gaps: much is kept back against the next one
        core.push_audio(tone(0.3), 16_000)
        pulled(core, 30)
    core.push_audio(tone(0.1), 16_000)  # less than that
    assert np.abs(heard(pulled(core, 30))).max() > 0.4
    assert core.waiting == 0


def test_silence_that_an_interruption_ends_is_no_dropped_sound():
    core = LiveCore(LoudnessStage())
    pulled(core, 9)
    core.interrupt()
    pulled(core, 1)
    assert core.dropped_sound == 0
    core.push_audio(tone(1, RATE), RATE)
    core.end_of_speech()
    frames = pulled(core, 9)
    core.interrupt()
    pulled(core, 4)
    assert core.dropped_sound + frames[-1].through == pytest.approx(1, abs=0.001)
