"""`live`: what is refused before anything is loaded, and a server that starts, says where it is and ends on Ctrl-C."""

import re
import signal
import subprocess
import sys
from urllib.request import urlopen

import pytest

from sonic_core import cli
from sonic_core.samples import PORTRAIT

pytest.importorskip("aiortc", reason="aiortc is not installed (extra live)")

REFUSED = {
    "short token": (["--host", "0.0.0.0", "--token", "short"], "5 characters"),
    "a URL for a name": (["--allowed-host", "https://live.example.org"], "no host name"),
    "an engine that needs the whole": (["--engine", "sonic"], "needs the whole recording"),
    "no such engine": (["--engine", "none"], "none"),
    "a port that no machine has": (["--port", "99999"], "expected 0 to 65535"),
    "no place for anybody": (["--sessions", "0"], "--sessions is 0; expected 1 to 256"),
    "a port given as the number of places": (["--sessions", "8765"], "--sessions is 8765; expected 1 to 256"),
    "a name without its password": (["--ice-server", "turn:x:3478", "name"], "expected URL, or URL NAME PASSWORD"),
    "no ICE server": (["--ice-server", "http://x"], "no STUN or TURN server"),
    "no emotion": (["--emotion-strength", "3"], "expected 0 to 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_loaded(case, tmp_path, capsys):
    options, says = REFUSED[case]
    assert cli.main(["live", "--image", "missing.png", "--record-to", str(tmp_path), *options]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["aiohttp", "aiortc"])
def test_without_its_packages_it_says_what_to_install(missing, tmp_path, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("sonic_core.live.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert cli.main(["live", "--image", "missing.png", "--record-to", str(tmp_path)]) == 1
    assert "pip install 'sonic-portrait[live]'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_it_serves_until_ctrl_c(tmp_path):
    command = [sys.executable, "-m", "sonic_core", "live", "--image", PORTRAIT, "--port", "0", "--record-to", tmp_path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    address = next(filter(None, (re.search(r"http://127\.0\.0\.1:\d+/", line) for line in process.stdout)))[0]
    assert b"<video" in urlopen(address).read()
    process.send_signal(signal.SIGINT)
    assert "Stopped." in process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []
