"""Recordings as people have them: holes in their time, tracks that cannot be decoded, channels that cancel, lengths beyond reason."""

from fractions import Fraction

import av
import numpy as np
import pytest

from sonic_core.audio import part, store
from sonic_core.audio.channels import mono_gains
from sonic_core.audio.loading import clip_from_waveform, load_audio
from sonic_core.audio.resampling import to_mono_16k
from sonic_core.errors import AudioError
from sonic_core.media.timed_sound import read_sound
from sonic_core.media.timeline import read_timeline

RATE = 48_000


def tone(seconds, hertz=220.0, rate=RATE):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write_packets(path, samples, keep=lambda second: True, shift=lambda second: 0.0, rate=RATE):
    """An AAC file whose packets are left out or moved in time as `keep` and `shift` say."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            second = packet.pts / rate
            if keep(second):
                moved = round(shift(second) * rate)
                packet.pts += moved
                packet.dts += moved
                container.mux(packet)
    return path


def write_wav(path, samples, rate=RATE):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="stereo" if len(samples) == 2 else "mono")
        packed = np.ascontiguousarray((samples.T * 32767).astype(np.int16)).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=stream.layout.name)
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return path


def test_a_hole_in_the_time_stamps_stays_as_long_as_players_show_it(tmp_path):
    path = write_packets(tmp_path / "a.m4a", tone(4), keep=lambda second: not 1.5 < second < 2.5)
    clip = load_audio(path)
    assert clip.duration == pytest.approx(4.0, abs=0.05)
    assert np.abs(clip.samples[:, round(1.7 * RATE) : round(2.3 * RATE)]).max() == 0
    assert np.abs(clip.samples[:, :RATE]).max() > 0.2
    assert clip.source is None
    assert any("holes in its time stamps" in note for note in clip.notes)


def test_a_jump_of_a_day_is_refused_at_once(tmp_path):
    path = write_packets(tmp_path / "a.mka", tone(2), shift=lambda second: 86_400.0 if second > 1 else 0.0)
    with pytest.raises(AudioError, match=r"24.0 hours, or its time stamps jump"):
        load_audio(path)


def test_a_part_before_a_jump_can_be_used(tmp_path):
    path = write_packets(tmp_path / "a.mka", tone(2), shift=lambda second: 86_400.0 if second > 1 else 0.0)
    assert load_audio(path, length=0.5).duration == 0.5


def test_a_recording_beyond_the_limit_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(part, "LONGEST", 1.0)
    monkeypatch.setattr(part, "TolerantDecoder", lambda *args: pytest.fail("decoded"))
    with pytest.raises(AudioError, match="at most"):
        load_audio(write_wav(tmp_path / "a.wav", tone(2)[None]))


def test_the_limit_also_holds_where_the_header_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(part, "LONGEST", 1.0)
    monkeypatch.setattr(part, "announced", lambda container, stream: 0.0)
    with pytest.raises(AudioError, match="at most"):
        load_audio(write_wav(tmp_path / "a.wav", tone(2)[None]))


def test_a_long_recording_lies_in_a_file_and_is_the_same(tmp_path, monkeypatch):
    path = write_wav(tmp_path / "a.wav", np.stack([tone(25), tone(25, 330)]))
    short = load_audio(path)
    monkeypatch.setattr(store, "IN_MEMORY", 100_000)
    long = load_audio(path)
    assert isinstance(long.samples.base.base, np.memmap) or isinstance(long.samples.base, np.memmap)
    assert np.array_equal(short.samples, long.samples)
    assert np.array_equal(to_mono_16k(short), to_mono_16k(long))


def test_the_first_track_that_can_be_decoded_is_used(tmp_path):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("aac", rate=RATE, layout="mono") for _ in range(2)]
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(tone(1)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, 0
            for packet in (*stream.encode(frame), *stream.encode(None)):
                container.mux(packet)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"A_AAC", b"A_XYZ", 1))  # a codec that nobody knows
    clip = load_audio(path)
    assert clip.duration == pytest.approx(1.0, abs=0.05)
    assert any("the first cannot be decoded; number 2 is used" in note for note in clip.notes)


def test_channels_of_opposite_phase_are_heard_and_said(tmp_path):
    left = tone(1)
    clip = load_audio(write_wav(tmp_path / "a.wav", np.stack([left, -left])))
    assert np.abs(to_mono_16k(clip)).max() > 0.25
    assert len(clip.samples) == 2
    assert any("opposite phase" in note for note in clip.notes)


@pytest.mark.parametrize(
    ("pair", "gains"),
    [
        ((1.0, 1.0), None),
        ((1.0, 0.0), None),
        ((1.0, -0.2), None),
        ((1.0, -0.9), (1.0, 0.0)),
        ((-0.8, 1.0), (0.0, 1.0)),
        ((0.0, 0.0), None),
    ],
)
def test_only_channels_that_cancel_are_mixed_otherwise(pair, gains):
    assert mono_gains(np.array(pair, np.float32)[:, None] * tone(0.5)) == gains


def test_unrelated_channels_are_averaged():
    noise = np.random.default_rng(0).normal(size=(2, 48_000)).astype(np.float32) / 8
    assert clip_from_waveform(noise, RATE).mix is None


def test_a_videos_sound_of_opposite_phase_is_heard(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width = picture.height = 64
        sound = container.add_stream("aac", rate=RATE, layout="stereo")
        for index in range(25):
            frame = av.VideoFrame(64, 64, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(picture.encode(frame))
        left = tone(1)
        frame = av.AudioFrame.from_ndarray(np.stack([left, -left]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(sound.encode(frame))
        for stream in (picture, sound):
            container.mux(stream.encode(None))
    heard = np.concatenate([block[0] for block in read_sound(read_timeline(path), mono=True)])
    assert np.abs(heard).max() > 0.25
