"""Loading: every common format, the right samples at the right time, and refusals that name file and reason."""

import wave

import av
import numpy as np
import pytest

from sonic_core.audio.loading import clip_from_waveform, load_audio
from sonic_core.errors import AudioError

RATE = 44_100


def chirp(seconds=1.5, rate=RATE, channels=1):
    """A sweep with an envelope, so that a shift in time shows."""
    t = np.arange(round(seconds * rate)) / rate
    mono = 0.5 * np.sin(2 * np.pi * (300 * t + 400 * t**2)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))
    return np.stack([mono * (1 - 0.3 * i) for i in range(channels)]).astype(np.float32)


def encode(path, samples, codec, rate=RATE, layout=None):
    """Write [channels, samples] float32 with PyAV's encoder `codec`."""
    layout = layout or {1: "mono", 2: "stereo"}[len(samples)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        stream.codec_context.options = {"strict": "experimental"}  # FFmpeg's own Vorbis encoder
        for first in range(0, samples.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[:, first : first + 1024]), format="fltp", layout=layout
            )
            frame.sample_rate, frame.pts = rate, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_pcm(path, frames: bytes, width, rate=RATE, channels=1):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(frames)
    return path


def write_float_wav(path, samples):
    """32-bit float wav of one channel, samples as they are."""
    data = samples.astype("<f4").tobytes()
    header = b"fmt " + np.array([16], "<u4").tobytes() + np.array([3, 1], "<u2").tobytes()
    header += np.array([RATE, RATE * 4], "<u4").tobytes() + np.array([4, 32], "<u2").tobytes()
    body = b"WAVE" + header + b"data" + np.array([len(data)], "<u4").tobytes() + data
    path.write_bytes(b"RIFF" + np.array([len(body)], "<u4").tobytes() + body)
    return path


def lag_samples(a, b):
    """By how many samples b is later than a."""
    n = min(len(a), len(b))
    spectrum = np.fft.rfft(b[:n], 2 * n) * np.conj(np.fft.rfft(a[:n], 2 * n))
    peak = int(np.fft.irfft(spectrum).argmax())
    return peak if peak < n else peak - 2 * n


LOSSLESS = [("wav", "pcm_s16le"), ("wav", "pcm_s24le"), ("wav", "pcm_s32le"), ("wav", "pcm_u8"), ("wav", "pcm_f32le"),
            ("wav", "pcm_f64le"), ("flac", "flac"), ("aiff", "pcm_s16be")]  # fmt: skip
LOSSY = [
    ("mp3", "libmp3lame", RATE),
    ("m4a", "aac", RATE),
    ("ogg", "vorbis", RATE),
    ("opus", "libopus", 48_000),
    ("mp4", "aac", RATE),
]


@pytest.mark.parametrize(("suffix", "codec"), LOSSLESS)
def test_lossless_formats_come_back_as_they_were(tmp_path, suffix, codec):
    sound = chirp(channels=2)
    clip = load_audio(encode(tmp_path / f"a.{suffix}", sound, codec))
    step = 1 / 128 if codec == "pcm_u8" else 1 / 32768
    assert clip.rate == RATE
    assert clip.samples.dtype == np.float32
    assert clip.samples.shape == sound.shape
    assert np.abs(clip.samples - sound).max() <= 1.01 * step


@pytest.mark.parametrize(("suffix", "codec", "rate"), LOSSY)
def test_lossy_formats_keep_time_and_length(tmp_path, suffix, codec, rate):
    sound = chirp(rate=rate, channels=2)
    clip = load_audio(encode(tmp_path / f"a.{suffix}", sound, codec, rate))
    assert clip.samples.shape[0] == 2
    assert abs(lag_samples(sound[0], clip.samples[0])) <= 1
    assert (
        abs(clip.samples.shape[1] - sound.shape[1]) <= 1152
    )  # a container without a trim mark keeps the last packet's padding


def test_m4a_padding_at_the_end_is_left_out(tmp_path):
    sound = chirp(1.2345)
    clip = load_audio(encode(tmp_path / "a.m4a", sound, "aac"))
    assert clip.duration == pytest.approx(1.2345, abs=0.001)  # edit lists count in ms


def test_source_is_the_untouched_whole_file(tmp_path):
    path = encode(tmp_path / "a.m4a", chirp(), "aac")
    assert load_audio(path).source == path.resolve()


def test_a_part_of_a_file_has_no_source(tmp_path):
    path = encode(tmp_path / "a.wav", chirp(), "pcm_s16le")
    assert load_audio(path, start=0.2).source is None
    assert load_audio(path, length=0.5).source is None


def test_start_and_length_cut_to_the_sample(tmp_path):
    path = encode(tmp_path / "a.wav", chirp(), "pcm_s16le")
    whole = load_audio(path).samples
    part = load_audio(path, start=0.3, length=0.7).samples
    np.testing.assert_array_equal(part, whole[:, round(0.3 * RATE) : round(0.3 * RATE) + round(0.7 * RATE)])


def test_a_length_beyond_the_end_is_noted(tmp_path):
    clip = load_audio(encode(tmp_path / "a.wav", chirp(1.0), "pcm_s16le"), start=0.5, length=3)
    assert "ends at 1.00 s" in clip.notes[0]
    assert clip.duration == pytest.approx(0.5)


def test_a_start_beyond_the_end_is_refused(tmp_path):
    path = encode(tmp_path / "late.wav", chirp(1.0), "pcm_s16le")
    with pytest.raises(AudioError, match=r"late.wav is 1.00 s long"):
        load_audio(path, start=2)


def test_surround_is_mixed_to_stereo_and_says_so(tmp_path):
    sound = np.zeros((6, RATE), np.float32)
    sound[2] = chirp(1.0)[0]  # FL FR FC LFE BL BR: speech sits in the centre
    clip = load_audio(encode(tmp_path / "a.wav", sound, "pcm_s16le", layout="5.1"))
    assert clip.samples.shape == (2, RATE)
    assert clip.source is None
    assert "6 channels" in clip.notes[0]
    assert np.corrcoef(clip.samples[0], sound[2])[0, 1] > 0.999
    np.testing.assert_allclose(clip.samples[0], clip.samples[1])


def test_not_a_number_is_replaced_and_reported(tmp_path):
    sound = chirp()[0]
    sound[100], sound[200], sound[300] = np.nan, np.inf, -np.inf
    clip = load_audio(write_float_wav(tmp_path / "broken.wav", sound))
    assert "broken.wav: 3 sample(s)" in clip.notes[0]
    assert clip.samples[0, [100, 200, 300]].tolist() == [0, 1, -1]
    assert clip.source is None


def test_a_float_file_in_integer_scale_is_brought_to_full_scale(tmp_path):
    clip = load_audio(write_float_wav(tmp_path / "loud.wav", chirp()[0] * 32768))
    assert np.abs(clip.samples).max() == pytest.approx(1)
    assert "level was lowered" in clip.notes[0]


def test_a_float_file_that_exceeds_full_scale_is_clipped_and_reported(tmp_path):
    sound = chirp()[0]
    sound[50:53] = 1.3
    clip = load_audio(write_float_wav(tmp_path / "hot.wav", sound))
    assert clip.samples.max() == 1
    assert "hot.wav: 3 sample(s) above full scale" in clip.notes[0]


def test_several_sound_tracks_are_mentioned(tmp_path):
    path = tmp_path / "two.mka"
    with av.open(str(path), "w", format="matroska") as container:
        tracks = [container.add_stream("flac", rate=RATE, layout="mono") for _ in range(2)]
        for track, gain in zip(tracks, (1, 0.5), strict=True):
            frame = av.AudioFrame.from_ndarray(chirp() * np.float32(gain), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, 0
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
    clip = load_audio(path)
    assert np.abs(clip.samples).max() == pytest.approx(0.5, abs=0.01)
    assert "2 sound tracks" in clip.notes[0]


def test_the_sound_of_a_video(tmp_path):
    path = tmp_path / "film.mp4"
    sound = chirp()
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 64
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for _ in range(30):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        container.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    assert abs(lag_samples(sound[0], load_audio(path).samples[0])) <= 1


def test_a_film_without_sound_is_refused(tmp_path):
    path = tmp_path / "mute.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 64
        container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        container.mux(video.encode(None))
    with pytest.raises(AudioError, match=r"mute.mp4 has no sound: it holds only video"):
        load_audio(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AudioError, match=r"nowhere.wav: it does not exist"):
        load_audio(tmp_path / "nowhere.wav")


def test_a_name_longer_than_the_disk_allows_is_refused():
    with pytest.raises(AudioError, match=r"cannot be read|does not exist"):
        load_audio("a" * 5000 + ".wav")


@pytest.mark.parametrize(
    "part", [{"start": -1}, {"start": np.nan}, {"start": np.inf}, {"length": -1}, {"length": 0.01}]
)
def test_an_impossible_part_is_refused(tmp_path, part):
    path = encode(tmp_path / "a.wav", chirp(), "pcm_s16le")
    with pytest.raises(AudioError, match=next(iter(part))):
        load_audio(path, **part)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(AudioError, match="is a folder"):
        load_audio(tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "nil.wav").write_bytes(b"")
    with pytest.raises(AudioError, match=r"nil.wav is empty \(0 bytes\)"):
        load_audio(tmp_path / "nil.wav")


def test_a_text_file_is_refused(tmp_path):
    (tmp_path / "notes.mp3").write_text("not a sound " * 50)
    with pytest.raises(AudioError, match=r"(Cannot read notes.mp3|notes.mp3 contains no)"):
        load_audio(tmp_path / "notes.mp3")


def test_a_wav_without_samples_is_refused(tmp_path):
    with pytest.raises(AudioError, match=r"hollow.wav contains no sound that can be read"):
        load_audio(write_pcm(tmp_path / "hollow.wav", b"", 2))


def test_under_a_tenth_of_a_second_is_refused(tmp_path):
    with pytest.raises(AudioError, match=r"blip.wav is 0.050 s long; at least 0.1 s"):
        load_audio(encode(tmp_path / "blip.wav", chirp(0.05), "pcm_s16le"))


def test_a_truncated_file_gives_what_is_left(tmp_path):
    path = encode(tmp_path / "cut.flac", chirp(2.0), "flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    clip = load_audio(path)
    assert 0.5 < clip.duration < 1.9
    assert clip.source is None
    assert "damaged" in clip.notes[0]


def test_a_silent_recording_is_noted(tmp_path):
    clip = load_audio(write_pcm(tmp_path / "quiet.wav", bytes(2 * RATE), 2))
    assert "completely silent" in clip.notes[0]


def test_a_playlist_fetches_nothing(tmp_path):
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError, match=r"list.m3u8"):
        load_audio(tmp_path / "list.m3u8")


def test_waveforms_of_comfyui_become_clips():
    import torch

    sound = chirp(channels=2)
    clip = clip_from_waveform(torch.from_numpy(sound)[None], RATE, "voice")
    np.testing.assert_array_equal(clip.samples, sound)
    assert (clip.rate, clip.name, clip.source) == (RATE, "voice", None)


def test_a_waveform_is_not_changed_in_place():
    sound = chirp()
    sound[0, 5] = np.nan
    clip_from_waveform(sound, RATE)
    assert np.isnan(sound[0, 5])


@pytest.mark.parametrize("shape", [(2, 1, RATE), (RATE,), (0, RATE), (1, 1, 2, RATE)])
def test_waveforms_of_other_shapes_are_refused(shape):
    with pytest.raises(AudioError, match=r"batch|shape"):
        clip_from_waveform(np.zeros(shape, np.float32), RATE)


def test_integer_waveforms_are_scaled():
    clip = clip_from_waveform(np.full((1, RATE), 16384, np.int16), RATE)
    assert clip.samples[0, 0] == pytest.approx(0.5)


def test_silent_ends_are_cut_and_pauses_stay(tmp_path):
    sound = np.concatenate(
        [np.zeros((1, RATE)), chirp(1.0), np.zeros((1, RATE)), chirp(1.0), np.zeros((1, RATE))], axis=1
    )
    clip = load_audio(encode(tmp_path / "a.wav", sound.astype(np.float32), "pcm_s16le"), trim_silence=True)
    assert clip.duration == pytest.approx(3.2, abs=0.06)
    assert clip.source is None
    assert "Silence trimmed" in clip.notes[0]


def test_trimming_leaves_a_tight_recording_alone(tmp_path):
    clip = load_audio(encode(tmp_path / "a.wav", chirp(), "pcm_s16le"), trim_silence=True)
    assert clip.source is not None


def test_trimming_nothing_but_silence_is_refused(tmp_path):
    with pytest.raises(AudioError, match="trimming would leave nothing"):
        load_audio(write_pcm(tmp_path / "quiet.wav", bytes(2 * RATE), 2), trim_silence=True)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp3", "libmp3lame"), ("m4a", "aac"), ("flac", "flac"), ("wav", "pcm_s16le")]
)
def test_damaged_files_are_loaded_or_refused_but_never_crash(tmp_path, suffix, codec):
    whole = encode(tmp_path / f"whole.{suffix}", chirp(), codec).read_bytes()
    rng = np.random.default_rng(0)
    for number in range(20):
        damaged = bytearray(whole[: rng.integers(1, len(whole))] if number % 2 else whole)
        for place in rng.integers(0, len(damaged), 30):
            damaged[place] = rng.integers(256)
        path = tmp_path / f"damaged{number}.{suffix}"
        path.write_bytes(damaged)
        refusal = ""
        try:
            clip = load_audio(path)
        except AudioError as error:
            refusal = str(error)
        assert path.name in refusal or np.abs(clip.samples).max() <= 1
