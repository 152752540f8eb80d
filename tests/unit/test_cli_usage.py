"""The command line's manners: instant help, one message, exit codes, JSON that a program can read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from media_samples import chirp, moving_picture

from sonic_core import cli
from sonic_core.commands import COMMANDS, console, export, inspect
from sonic_core.media.writer import write_video
from sonic_core.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def video(tmp_path):
    return write_video(moving_picture(0.4), chirp(0.4), tmp_path / "会说话的 肖像.mp4", metadata={"title": "肖像"})


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sonic_core", *args], capture_output=True, text=True, cwd=ROOT, encoding="utf-8"
    )


def code_of(*args: str) -> int:
    """Exit code, also where argparse leaves by SystemExit."""
    try:
        return cli.main(args)
    except SystemExit as leaving:
        return leaving.code


def test_help_names_every_command():
    answer = run("--help")
    assert answer.returncode == 0
    assert set(COMMANDS) <= {line.split()[0] for line in answer.stdout.splitlines() if line.strip()}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_loads_no_heavy_library(command):
    code = (
        "import sys; from sonic_core.cli import main\n"
        f"try: main(['{command}', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'cv2', 'av', 'numpy.linalg', 'transformers', 'diffusers') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(json.loads(answer.stdout.splitlines()[-1].replace("'", '"')))
    assert loaded <= {"numpy.linalg"}


@pytest.mark.parametrize("command", ["generate", "demo"])
def test_every_setting_is_an_option_with_its_default_and_range(command, capsys):
    assert code_of(command, "--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    for item in fields(Settings):
        assert f"--{item.name.replace('_', '-')} " in text
        default = "off" if item.default is False else item.default
        assert f"Default {default}" in text


def test_motion_offers_what_moves_it_and_nothing_of_a_picture(capsys):
    assert code_of("motion", "--help") == 0
    text = capsys.readouterr().out
    assert all(f"--{name} " in text for name in ("seed", "duration", "dynamic-scale", "emotion"))
    assert not any(f"--{name} " in text for name in ("framing", "style", "min-resolution", "face-index"))


def test_options_reach_the_settings():
    from sonic_core.commands.options import settings_from

    commands = {name: cli.import_module(f"sonic_core.commands.{name}") for name in COMMANDS}
    args = cli.make_parser(commands, console.Console()).parse_args(
        ["demo", "--seed", str(2**64 - 1), "--motion-scale", "0", "--framing", "paste_back", "--min-resolution", "768"]
    )
    expected = Settings(seed=2**64 - 1, motion_scale=0.0, framing="paste_back", min_resolution=768)
    assert settings_from(args) == expected


def test_wrong_usage_is_json_too_for_those_who_asked(capsys):
    assert code_of("generate", "--json", "--seed", "x") == 2
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["error"] == "SettingsError"
    assert "--seed" in answer["message"]


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("fly",),
        ("generate",),
        ("demo", "--framing", "wide"),
        ("demo", "--seed", "x"),
        ("demo", "--min-resolution", "64"),
        ("demo", "--crf", "99"),
        ("demo", "--engine", "warp"),
    ],
)
def test_wrong_usage_is_2(args):
    assert code_of(*args) == 2


@pytest.mark.parametrize(
    ("args", "told", "meant"),
    [
        (("generate", "--imge", "a.png", "--audio", "a.wav"), "required: --image", "--image, not --imge"),
        (("demo", "--sead=3"), "unrecognized arguments: --sead=3", "--seed, not --sead"),
        (("bench", "--egine", "lite"), "unrecognized arguments: --egine lite", "--engine, not --egine"),
        (("export", "onnx", "--egine", "sonic", "here"), "unrecognized arguments: --egine", "--engine, not --egine"),
        (("genrate",), "invalid choice: 'genrate'", "generate, not genrate"),
    ],
)
def test_a_typing_error_is_told_with_what_was_meant_and_no_list_of_options(args, told, meant, capsys):
    assert code_of(*args) == 2
    said = capsys.readouterr().err
    assert told in said
    assert f"Did you mean {meant}?" in said
    assert len(said.splitlines()) == 2
    assert said.endswith(" --help\n")


@pytest.mark.parametrize("args", [("generate", "--audio", "a.wav"), ("fly",), ("demo", "--crf", "99")])
def test_nothing_is_guessed_where_all_names_are_known_or_none_is_near(args, capsys):
    assert code_of(*args) == 2
    assert "mean" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--label-text", "AI"), "Add --visible-label"),
        (("--label-corner", "top_left", "--label-language", "zh"), "--label-language, --label-corner"),
        (("--smooth-strength", "0.8"), "Add --smooth"),
    ],
)
def test_options_that_would_do_nothing_are_refused(options, told, capsys):
    assert code_of("demo", *options) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [("a.mp4", ("--codec", "vp9"), "Choose h264"), ("a.webm", ("--audio-codec", "mp3"), "Choose opus")],
)
def test_a_codec_that_the_file_cannot_carry_is_told_before_anything_is_read(tmp_path, name, options, told, capsys):
    missing = ("--image", "nobody.png", "--audio", "nothing.wav")
    assert code_of("generate", *missing, "--output", str(tmp_path / name), *options) == 1
    assert told in capsys.readouterr().err


def test_a_damaged_video_is_told_to_people_and_programs(tmp_path, capsys):
    path = write_video(moving_picture(2.0, width=256, height=256), chirp(2.0), tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + len(content) // 3
    content[start : start + len(content) // 4] = bytes(len(content) // 4)
    path.write_bytes(content)
    output = tmp_path / "b.mp4"
    assert (
        code_of("interpolate", str(path), "--fps", "50", "--interpolation", "flow", "--output", str(output), "--json")
        == 0
    )
    told = capsys.readouterr()
    assert told.err.count("a.mp4 is damaged") == 1
    assert "a.mp4 is damaged" in json.loads(told.out.splitlines()[-1])["warnings"][0]


def test_a_file_where_a_folder_should_be_is_told_in_words(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("")
    assert code_of("demo", "--output", str(tmp_path / "notes.txt" / "a.mp4")) == 1
    assert "a part of the path is a file" in capsys.readouterr().err


def test_curves_go_into_json_only(tmp_path, capsys):
    assert code_of("motion", "--audio", "nothing.wav", "--output", str(tmp_path / "a.csv")) == 1
    assert "ends in .json" in capsys.readouterr().err


def test_error_is_one_message_without_traceback(tmp_path):
    answer = run("inspect", str(tmp_path / "missing.mp4"))
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith("Error: Cannot read ")
    assert len(answer.stderr.splitlines()) == 1


def test_debug_shows_the_traceback(tmp_path):
    answer = run("inspect", "--debug", str(tmp_path / "missing.mp4"))
    assert answer.returncode == 1
    assert "Traceback" in answer.stderr


def test_unexpected_error_points_to_debug(monkeypatch, capsys):
    def broken(args, console):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(inspect, "run", broken)
    assert code_of("inspect", "a.mp4") == 1
    assert (
        "Unexpected ZeroDivisionError (run again with --debug to see where): division by zero"
        in capsys.readouterr().err
    )


def test_ctrl_c_is_130(monkeypatch, capsys):
    def interrupted(args, console):
        raise KeyboardInterrupt

    monkeypatch.setattr(inspect, "run", interrupted)
    assert code_of("inspect", "a.mp4") == 130
    assert "Interrupted" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.parametrize(
    ("module", "function", "said"),
    [(inspect, "run", "nothing was left half-written"), (cli, "import_module", "nothing was begun")],
)
def test_a_library_that_is_interrupted_while_it_loads_is_not_missing(module, function, said, monkeypatch, capsys):
    def load(*_):
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt:
            raise ImportError("a bad install") from None  # as NumPy says of itself

    monkeypatch.setattr(module, function, load)
    assert code_of("inspect", "a.mp4") == 130
    assert capsys.readouterr().err == f"Interrupted; {said}.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_stop_signal_interrupts_and_is_given_back(monkeypatch):
    earlier = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(inspect, "run", lambda args, console: signal.raise_signal(signal.SIGTERM))
    assert code_of("inspect", "a.mp4") == 130
    assert signal.getsignal(signal.SIGTERM) is earlier


def test_inspect_tells_what_the_file_holds(video, capsys):
    assert code_of("inspect", str(video)) == 0
    text = capsys.readouterr().out
    for fact in ("h264 yuv420p, 96x64, 10 frames at 25 fps, 0.400 s", "matrix bt709", "aac, 44100 Hz", "title: 肖像"):
        assert fact in text


def test_json_is_all_that_stdout_carries(video):
    answer = run("inspect", "--json", str(video))
    report = json.loads(answer.stdout)
    assert (report["command"], report["frames"], report["file"]) == ("inspect", 10, str(video))
    assert "h264" in answer.stderr


def test_json_tells_an_error_too(tmp_path):
    answer = run("inspect", "--json", "--quiet", str(tmp_path / "missing.mp4"))
    assert json.loads(answer.stdout)["error"] == "OutputError"


def test_quiet_says_nothing(video):
    answer = run("inspect", "--quiet", str(video))
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_bar_shows_stage_count_and_remaining_time(capsys, monkeypatch):
    monkeypatch.setattr(console, "SECONDS_BETWEEN_LOGGED_BARS", 0)
    progress = console.Console()
    for done in range(1, 4):
        progress("encoding", done, 3)
    progress.close()
    drawn = capsys.readouterr().err
    assert "Making the video: 100%" in drawn
    assert "3/3 [" in drawn


def test_console_without_the_letters_of_a_path_goes_on(video):
    answer = subprocess.run(
        [sys.executable, "-m", "sonic_core", "inspect", str(video)],
        capture_output=True,
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )
    assert answer.returncode == 0
    assert rb"title: \u8096\u50cf" in answer.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of Unix")
def test_reader_that_leaves_does_not_stop_the_work(video):
    process = subprocess.Popen(
        [sys.executable, "-m", "sonic_core", "inspect", str(video)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    process.stdout.close()
    text = process.stderr.read()
    assert process.wait(timeout=300) == 0
    assert text == b""


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")]
)
def test_too_little_memory_is_told_as_that(monkeypatch, capsys, error):
    def fail(args, console):
        raise error

    monkeypatch.setattr("sonic_core.commands.inspect.run", fail)
    assert cli.main(["inspect", "a.mp4", "--json"]) == 1
    answer = capsys.readouterr()
    assert json.loads(answer.out)["error"] == "NotEnoughMemoryError"
    assert answer.err.startswith("Error: There is not enough memory for this.")


def test_an_interruption_in_the_middle_of_an_exec_has_our_exit_code(tmp_path):
    """CPython would end `python -m` as if by SIGINT then, although the interruption was dealt with."""
    patch = (
        "from sonic_core.commands import inspect\ninspect.run = lambda args, console: exec('raise KeyboardInterrupt')\n"
    )
    (tmp_path / "sitecustomize.py").write_text(patch)
    done = subprocess.run(
        [sys.executable, "-m", "sonic_core", "inspect", "a.mp4"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
    )
    assert done.stderr == "Interrupted; nothing was left half-written.\n"
    assert done.returncode == 130


@pytest.mark.parametrize(
    "given",
    [["onnx", "DIR", "--engine", "sonic"], ["onnx", "--engine", "sonic", "DIR"], ["--engine", "sonic", "onnx", "DIR"]],
)
def test_a_folder_may_stand_after_options(monkeypatch, given):
    monkeypatch.setattr(export, "run", lambda args, console: given.append((args.engine, args.folder)) or {})
    assert code_of("export", *given, "--quiet") == 0
    assert given[-1] == ("sonic", Path("DIR"))
    assert code_of("export", *given[:-1], "second", "--quiet") == 2


def test_a_command_loads_no_other():
    code = (
        "import sys; from sonic_core.cli import main\n"
        "try: main(['inspect', '--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('batch', 'queue', 'live', 'bench') if f'sonic_core.commands.{name}' in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"
