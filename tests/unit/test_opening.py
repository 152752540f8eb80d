"""The one door for media: regular files of known kinds, nothing that names other files, tags in any encoding."""

import os
import shutil
import socket
from fractions import Fraction

import av
import pytest

from sonic_core.audio.loading import load_audio
from sonic_core.errors import AudioError, OutputError, SonicError
from sonic_core.media.probe import probe
from sonic_core.media.timeline import read_any_timeline
from sonic_core.opening import as_fraction, in_seconds, opened, tags_of
from sonic_core.samples import SPEECH

LISTS = {
    "live.m3u8": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n",
    "list.wav": b"ffconcat version 1.0\nfile pipe.wav\n",
    "list.mp4": b"\xef\xbb\xbf#EXTM3U\nspeech.wav\n",
    "talk.sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nm=audio 9 RTP/AVP 0\r\n",
    "stream.mpd": b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>\n',
    "radio.pls": b"[playlist]\nFile1=speech.wav\n",
}
OTHERS = {
    "voice.silk": (b"\x02#!SILK_V3rest", "SILK"),
    "scan.mp3": (b"%PDF-1.7\n", "PDF"),
    "page.wav": (b"<!DOCTYPE html><html></html>", "web page"),
    "logo.mp4": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
}


def readers():
    return (load_audio, probe, read_any_timeline)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_other_files_is_refused_wherever_media_are_opened(tmp_path, name):
    shutil.copy(SPEECH, tmp_path / "speech.wav")
    (tmp_path / name).write_bytes(LISTS[name])
    for read in readers():
        with pytest.raises(SonicError, match="lists of other files are not opened"):
            read(tmp_path / name)


def test_a_list_behind_other_bytes_opens_no_other_file(tmp_path):
    shutil.copy(SPEECH, tmp_path / "speech.wav")
    (tmp_path / "a.wav").write_bytes(b"# a comment that hides it\nffconcat version 1.0\nfile speech.wav\n")
    with pytest.raises(AudioError, match=r"a\.wav"):
        load_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_media_is_named(tmp_path, name):
    content, word = OTHERS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AudioError, match=word):
        load_audio(tmp_path / name)


def test_pipes_sockets_and_devices_are_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket may have 108 characters
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match="named pipe"):
        load_audio(tmp_path / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.wav")
        with pytest.raises(OutputError, match="socket"):
            probe(tmp_path / "s.wav")
    with pytest.raises(AudioError, match="device"):
        load_audio("/dev/zero")


@pytest.mark.parametrize("name", ["%03d.wav", "a:b.wav", "concat:x.wav", "-.wav"])
def test_a_name_is_never_read_as_a_pattern_or_protocol(tmp_path, name):
    shutil.copy(SPEECH, tmp_path / name)
    assert load_audio(tmp_path / name).duration == pytest.approx(load_audio(SPEECH).duration)


def test_tags_that_are_not_utf8_are_read_as_well_as_they_can_be(tmp_path):
    title = "你好世界".encode("gb18030")
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "x" * len(title)
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        frame = av.VideoFrame(64, 64, "yuv420p")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    path.write_bytes(path.read_bytes().replace(b"x" * len(title), title))
    with opened(path, OutputError, "") as container:
        assert tags_of(container)["title"] == "你好世界"


def test_rationals_of_every_pyav_become_seconds():
    class Rational:
        numerator, denominator = 1, 90_000

    assert in_seconds(45_000, Rational) == 0.5
    assert in_seconds(45_000, Fraction(1, 90_000)) == 0.5
    assert as_fraction(None) == 0
