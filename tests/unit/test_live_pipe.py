"""Sound through a pipe: frames as it comes, as long as it is, in an mp4 that plays from its first fragment on."""

import io
import os
import threading
import wave
from contextlib import suppress
from types import SimpleNamespace

import av
import numpy as np
import pytest
from live_samples import LoudnessStage, tone

from sonic_core import cli
from sonic_core.audio.arriving import Piece, arriving_pieces
from sonic_core.errors import AudioError, OutputError
from sonic_core.live.clip import streamed_frames
from sonic_core.live.pipe import Look, speak_through
from sonic_core.samples import PORTRAIT
from sonic_core.settings import Settings


class LargerStage(LoudnessStage):
    width, height = 64, 48


def wav(samples, rate=16_000):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes((32767 * samples).astype("<i2").tobytes())
    return file.getvalue()


def piped(data, chunk=900):
    """A pipe into which somebody writes a little at a time."""
    reading, writing = os.pipe()

    def write():
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as file:
            for i in range(0, len(data), chunk):
                file.write(data[i : i + chunk])
                file.flush()

    threading.Thread(target=write, daemon=True).start()
    return os.fdopen(reading, "rb")


@pytest.mark.parametrize("seconds", [0.01, 0.5, 1.237])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_there_are_as_many_frames_as_sound(seconds, rate):
    sound = tone(seconds, rate)
    frames = list(streamed_frames(LoudnessStage(), Settings(), [Piece(sound[None], rate)]))
    assert len(frames) == max(1, round(len(sound) / rate * 25))


def test_a_frame_shows_its_own_sound():
    sound = np.concatenate([np.zeros(9_600), tone(1), np.zeros(9_600)]).astype(np.float32)
    pieces = [Piece(part[None], 16_000) for part in np.array_split(sound, 31)]
    shown = [int(frame[0, 0, 0]) for frame in streamed_frames(LoudnessStage(), Settings(), pieces)]
    assert [light > 60 for light in shown] == [15 <= i < 40 for i in range(55)]


def test_frames_come_before_the_sound_ends():
    taken = []

    def pieces():
        for i in range(50):
            taken.append(i)
            yield Piece(tone(0.04)[None], 16_000)

    frames = streamed_frames(LoudnessStage(), Settings(), pieces())
    next(frames)
    assert len(taken) <= 5


def test_all_of_a_recording_comes_through_a_pipe():
    sound = tone(1.3)
    pieces = list(arriving_pieces(piped(wav(sound))))
    assert {piece.rate for piece in pieces} == {16_000}
    assert np.allclose(np.concatenate([piece.samples[0] for piece in pieces]), sound, atol=1e-4)


def test_samples_of_every_width_are_read(tmp_path):
    sound = tone(0.3)
    for form, codec in (("u8", "pcm_u8"), ("s16", "pcm_s16le"), ("s32", "pcm_s24le"), ("flt", "pcm_f32le")):
        with av.open(str(tmp_path / "a.wav"), "w") as file:
            stream = file.add_stream(codec, rate=16_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
            frame.sample_rate = 16_000
            for part in av.AudioResampler(format=form, layout="mono", rate=16_000).resample(frame):
                file.mux(stream.encode(part))
            file.mux(stream.encode(None))
        pieces = list(arriving_pieces(piped((tmp_path / "a.wav").read_bytes())))
        assert np.allclose(np.concatenate([piece.samples[0] for piece in pieces]), sound, atol=0.01), codec


def test_sound_that_changes_on_its_way_comes_as_what_it_is():
    def mp2(rate, layout):
        data = io.BytesIO()
        with av.open(data, "w", format="mp2") as file:
            stream = file.add_stream("mp2", rate=rate, layout=layout)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 11520), np.int16), format="s16", layout=layout)
            frame.sample_rate = rate
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return data.getvalue()

    pieces = list(arriving_pieces(piped(mp2(16_000, "mono") + mp2(48_000, "stereo"))))
    assert (pieces[0].rate, len(pieces[0].samples)) == (16_000, 1)
    assert (pieces[-1].rate, len(pieces[-1].samples)) == (48_000, 2)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "Nothing came"), (b"#EXTM3U\nhttp://x/a.mp3\n", "playlist"), (b"hello " * 2000, "cannot be read")],
)
def test_what_is_no_recording_is_told(data, words):
    with pytest.raises(AudioError, match=words):
        list(arriving_pieces(piped(data)))


def test_a_fragmented_video_has_all_frames_all_sound_and_its_origin():
    sink = io.BytesIO()
    sound = tone(2.02)
    look = Look(tags={"comment": "AI-generated talking-head video"})
    frames = speak_through(LargerStage(), Settings(), piped(wav(sound)), sink, look)
    assert frames == 50
    sink.seek(0)
    with av.open(sink) as video:
        assert video.metadata["comment"] == "AI-generated talking-head video"
        assert len(list(video.decode(video=0))) == 50
    sink.seek(0)
    with av.open(sink) as video:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in video.decode(audio=0)])
    assert len(heard) == pytest.approx(len(sound), abs=1024)
    assert np.corrcoef(heard[1000:30_000], sound[1000:30_000])[0, 1] > 0.99  # not shifted by the encoder's priming
    assert sink.getvalue().count(b"moof") >= 5


def test_the_first_fragment_leaves_before_the_sound_has_ended():
    reading, writing = os.pipe()
    arrived = threading.Event()

    class Sink:
        def write(self, data):
            if b"moof" in data:
                arrived.set()

        def flush(self):
            pass

    source = os.fdopen(reading, "rb")
    thread = threading.Thread(target=speak_through, args=(LargerStage(), Settings(), source, Sink(), Look()))
    thread.start()
    with os.fdopen(writing, "wb") as file:
        file.write(wav(tone(5))[:32_000])  # one second of it
        file.flush()
        assert arrived.wait(60)
    thread.join(60)
    assert not thread.is_alive()


def test_a_reader_that_leaves_is_an_error_in_words():
    class Gone:
        def write(self, data):
            raise BrokenPipeError(32, "Broken pipe")

        def flush(self):
            pass

    with pytest.raises(OutputError, match="standard output"):
        speak_through(LargerStage(), Settings(), piped(wav(tone(3))), Gone(), Look())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--audio", "-"], "go together"),
        (["--audio", "-", "--output", "-", "--json"], "--json"),
        (["--audio", "-", "--output", "-", "--duration", "3"], "--duration needs the whole recording"),
        (["--audio", "-", "--output", "-", "--length-policy", "pad"], "--length-policy needs the whole recording"),
        (["--audio", "-", "--output", "-", "--inference-steps", "9"], "--inference-steps needs the whole recording"),
        (["--audio", "-", "--output", "-", "--interpolation", "rife"], "--interpolation needs the whole recording"),
        (["--audio", "-", "--output", "-", "--resume"], "--resume needs the whole recording"),
        (["--audio", "-", "--output", "-", "--engine", "sonic"], "needs one that streams"),
    ],
)
def test_what_a_pipe_cannot_do_is_wrong_usage(options, words, capfd):
    assert cli.main(["generate", "--image", str(PORTRAIT), *options]) == cli.USAGE
    assert words in capfd.readouterr().err


def test_a_background_is_for_pictures_with_transparent_parts(monkeypatch, capfd):
    opaque = SimpleNamespace(alpha=None, name="me.jpg", digest="")
    monkeypatch.setattr("sonic_core.pipeline.portrait_for", lambda *_: (opaque, None))
    options = ["--image", str(PORTRAIT), "--audio", "-", "--output", "-", "--background", "#00ff00"]
    assert cli.main(["generate", *options]) == cli.USAGE
    assert "me.jpg has no transparent parts" in capfd.readouterr().err
