"""Terminals as they are: full, closed, impatient; and files that would like to steer them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sonic_core import cli
from sonic_core.commands.streams import harmless
from sonic_core.errors import SettingsError
from sonic_core.media.abandoned import OLD, hold
from sonic_core.media.labels import Labels
from sonic_core.media.pending_file import PendingFile
from sonic_core.samples import SPEECH

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and devices")


def start(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "sonic_core", *map(str, arguments)], env=environment, **options)


@posix
@pytest.mark.parametrize("redirection", ["> /dev/full 2> /dev/full", ">&- 2>&-", "2>&-", "> /dev/full"])
def test_full_or_closed_streams_cost_no_result(tmp_path, redirection):
    output = tmp_path / "curves.json"
    command = (
        f"{sys.executable} -m sonic_core motion --audio {SPEECH} --duration 1 --length-policy trim --output {output}"
    )
    done = subprocess.run(
        f"{command} {redirection}", shell=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120, check=False
    )
    assert done.returncode == 0
    assert output.stat().st_size > 1000


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("delay", [0.05, 0.3])
def test_a_signal_at_the_start_leaves_no_traceback(tmp_path, number, delay):
    process = start("motion", "--audio", SPEECH, "--output", tmp_path / "a.json", stderr=subprocess.PIPE)
    time.sleep(delay)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    # Before Python itself can handle a signal, the system's own answer is the only one.
    assert process.returncode in (130, -number, 0, 1)
    if process.returncode == 130:
        assert b"Traceback" not in errors


def test_the_second_signal_waits_for_cleaning_up():
    cleaned = []

    def work():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            cleaned.append(True)

    with cli.signals_interrupt(), pytest.raises(KeyboardInterrupt):
        work()
    assert cleaned


@posix
def test_what_the_caller_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with cli.signals_interrupt():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signs_that_steer_a_terminal_are_spelled_out():
    assert harmless("a\x1b[2J\u202eb\n\udcffc") == "a\\x1b[2J\\u202eb\\n\\udcffc"
    assert harmless("标题 é 🎬") == "标题 é 🎬"


@pytest.mark.parametrize("producer", ["", "  ", "x" * 257, "a\nb", "a\x1b[2J", "a\udcff"])
def test_a_producer_that_our_own_check_calls_wrong_is_refused(producer):
    with pytest.raises(SettingsError, match="producer is"):
        Labels(producer)


def test_a_writability_check_never_removes_another_processs_result(tmp_path, monkeypatch):
    target = tmp_path / "a.mp4"
    other = PendingFile(target, overwrite=True)
    other.temporary.write_bytes(b"result")
    exists = Path.lstat

    def published_meanwhile(self):
        try:
            return exists(self)
        finally:
            if self == target and other.temporary.exists():
                other.publish()

    monkeypatch.setattr(Path, "lstat", published_meanwhile)
    PendingFile(target, overwrite=True).discard()
    assert target.read_bytes() == b"result"


@posix
def test_temporary_files_of_killed_runs_are_removed_when_old_and_not_held(tmp_path):
    names = {
        name: tmp_path / f".sonic-{digit * 12}.tmp.mp4"
        for name, digit in zip(("old", "held", "new"), "abc", strict=True)
    }
    foreign = tmp_path / ".sonic-notes.tmp"
    for path in (*names.values(), foreign):
        path.write_bytes(b"x")
    for path in (names["old"], names["held"], foreign):
        os.utime(path, (time.time() - 2 * OLD,) * 2)
    holding = hold(names["held"])
    PendingFile(tmp_path / "a.mp4").discard()
    holding.close()
    assert not names["old"].exists()
    assert names["held"].exists()
    assert names["new"].exists()
    assert foreign.exists()
