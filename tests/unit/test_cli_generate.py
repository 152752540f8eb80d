"""The commands that make something, run as a user runs them, on a second of the bundled sample."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from sonic_core import cli
from sonic_core.audio.loading import load_audio
from sonic_core.media.probe import probe
from sonic_core.samples import PORTRAIT, SPEECH

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def second(tmp_path_factory) -> Path:
    """A second of the bundled speech, under a Chinese name with a space."""
    clip = load_audio(SPEECH)
    path = tmp_path_factory.mktemp("声音 文件") / "一秒 钟.wav"
    samples = (clip.samples[:1, : clip.rate] * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=clip.rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = clip.rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def run(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sonic_core", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        encoding="utf-8",
    )


def test_generate_makes_a_video_as_long_as_the_recording(tmp_path, second):
    output = tmp_path / "输出 文件夹" / "会说话的 肖像.mp4"
    answer = run(
        "generate", "--image", PORTRAIT, "--audio", second, "--output", output, "--min-resolution", "256", "--json"
    )
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    video = probe(output)
    assert (report["output"], report["frames"], video.frames) == (str(output), 25, 25)
    assert min(video.width, video.height) == 256
    assert abs(video.duration - video.audio_duration) <= 0.5 / 25
    assert video.sample_rate == load_audio(SPEECH).rate
    assert "Picture: portrait.png" in answer.stderr
    assert video.metadata["comment"] == "AI-generated talking-head video"
    assert (video.metadata["engine"], video.metadata["seed"]) == ("lite", "0")
    assert json.loads(video.metadata["settings"])["min_resolution"] == 256


def test_inspect_verifies_what_generate_made(tmp_path, second, capsys):
    output = tmp_path / "a.mp4"
    common = ["--min-resolution", "256", "--duration", "0.4", "--length-policy", "trim", "--producer", "示例公司"]
    arguments = ["--image", str(PORTRAIT), "--audio", str(second), "--output", str(output)]
    assert cli.main(["generate", *arguments, *common, "--quiet"]) == 0
    assert cli.main(["inspect", str(output), "--image", str(PORTRAIT), "--audio", str(second)]) == 0
    text = capsys.readouterr().out
    assert "producer 示例公司" in text
    assert "WRONG" not in text
    tags = probe(output).metadata
    assert all(
        text.count(tags[key]) == 1 for key in ("generator", "digital_source_type", "image_sha256", "audio_sha256")
    )
    assert text.count("expand_ratio") == text.count("(Apache-2.0)") - 1 == 1
    assert cli.main(["inspect", str(output), "--audio", str(SPEECH)]) == 1
    assert "WRONG    audio_sha256 matches" in capsys.readouterr().out


def test_inspect_knows_a_silent_recording(tmp_path, capsys):
    import wave

    silence, output = tmp_path / "silent.wav", tmp_path / "a.mp4"
    with wave.open(str(silence), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8_000))
    arguments = ["--image", str(PORTRAIT), "--audio", str(silence), "--output", str(output)]
    assert cli.main(["generate", *arguments, "--min-resolution", "256", "--inference-steps", "2"]) == 0
    assert "inference_steps is 2" in capsys.readouterr().out
    assert cli.main(["inspect", str(output), "--audio", str(silence)]) == 0
    assert "audio_sha256 matches: the same" in capsys.readouterr().out


def test_demo_takes_the_next_free_name_and_the_same_seed_gives_the_same_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    short = ["demo", "--min-resolution", "256", "--duration", "0.6", "--length-policy", "trim", "--crf", "0", "--json"]
    reports = []
    for _ in range(2):
        assert cli.main(short) == 0
        reports.append(json.loads(capsys.readouterr().out))
    assert [report["output"] for report in reports] == ["sonic_demo.mp4", "sonic_demo_1.mp4"]
    pictures = []
    for report in reports:
        with av.open(report["output"]) as container:
            pictures.append(np.stack([frame.to_ndarray() for frame in container.decode(video=0)]))
    np.testing.assert_array_equal(*pictures)


def test_wrong_duration_names_both_numbers(tmp_path, second, capsys):
    arguments = ["--image", str(PORTRAIT), "--audio", str(second), "--output", str(tmp_path / "a.mp4")]
    assert cli.main(["generate", *arguments, "--duration", "3"]) == 1
    message = capsys.readouterr().err
    assert "3.00 s" in message
    assert "1.00 s" in message
    assert list(tmp_path.iterdir()) == []


def test_missing_picture_is_named(tmp_path, second, capsys):
    arguments = ["--image", "nobody.png", "--audio", str(second), "--output", str(tmp_path / "a.mp4")]
    assert cli.main(["generate", *arguments]) == 1
    assert "nobody.png" in capsys.readouterr().err


def test_lite_engine_imports_no_transformers(tmp_path):
    code = (
        "import sys; from sonic_core.cli import main\n"
        f"assert main(['demo', '--output', {str(tmp_path / 'a.mp4')!r}, '--min-resolution', '256', '--duration', '0.4',"
        " '--length-policy', 'trim', '--quiet']) == 0\n"
        "print([m for m in ('transformers', 'diffusers') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_stopping_in_the_middle_leaves_nothing(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "sonic_core", "demo", "--output", str(tmp_path / "a.mp4")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    deadline = time.monotonic() + 300
    while not any(file.stat().st_size for file in tmp_path.iterdir()) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    _, text = process.communicate(timeout=300)
    assert process.returncode == 130
    assert b"Traceback" not in text
    assert list(tmp_path.iterdir()) == []


def test_motion_writes_named_curves_of_equal_length(tmp_path, second):
    output = tmp_path / "曲线.json"
    assert cli.main(["motion", "--audio", str(second), "--output", str(output), "--quiet"]) == 0
    curves = json.loads(output.read_text(encoding="utf-8"))
    assert curves["fps"] == 25
    assert len(curves["open"]) == 25
    assert curves["t0"] == pytest.approx(0, abs=0.04)


def test_sheet_draws_a_picture(tmp_path):
    import cv2

    output = tmp_path / "表 格.png"
    assert cli.main(["sheet", "--image", str(PORTRAIT), "--output", str(output), "--quiet"]) == 0
    sheet = cv2.imdecode(np.frombuffer(output.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert min(sheet.shape[:2]) > 256
    assert sheet.std() > 10


def test_sheet_shrinks_a_large_picture_first(tmp_path, monkeypatch):
    import cv2

    from sonic_core.engines.lite import engine

    large = cv2.resize(cv2.imread(str(PORTRAIT)), (2000, 2000), interpolation=cv2.INTER_LINEAR)
    cv2.imwrite(str(tmp_path / "large.jpg"), large)
    drawn = []

    def draw(portrait, renderer, **others):
        drawn.append(portrait.image.shape)
        return portrait.image[:300, :300]

    monkeypatch.setattr(engine, "contact_sheet", draw)
    arguments = ["sheet", "--image", str(tmp_path / "large.jpg"), "--output", str(tmp_path / "sheet.png"), "--quiet"]
    assert cli.main(arguments) == 0
    assert drawn == [(1080, 1080, 3)]  # as large as `generate` draws it


def test_doctor_tells_that_the_lite_engine_works(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["problems"] == []
    assert report["lite_frames_per_second"] > 1
    assert all(report["bundled_files"].values())


def test_doctor_tells_a_missing_package(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pydub", None)
    assert cli.main(["doctor"]) == 1
    assert "pip install pydub" in capsys.readouterr().out
