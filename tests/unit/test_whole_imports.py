"""A signal while a compiled library loads: it is loaded whole, then the command is interrupted."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

LIBRARY = """
import os, signal
for _ in range({signals}):
    os.kill(os.getpid(), signal.SIGTERM)
os.write(1, b"loaded whole\\n")
"""
COMMAND = """
import os
from sonic_core.commands.signals import signals_interrupt
from sonic_core.commands.whole_imports import whole_imports
try:
    with signals_interrupt(), whole_imports():
        {work}
        os.write(1, b"went on\\n")
except KeyboardInterrupt:
    os.write(1, b"interrupted\\n")
"""


def said(tmp_path, name="torch", signals=1, work="import {name}"):
    (tmp_path / f"{name}.py").write_text(LIBRARY.format(signals=signals))
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})" + COMMAND.format(work=work.format(name=name))
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    return answer.returncode, answer.stdout.splitlines()


def test_the_library_is_loaded_to_its_end_before_the_command_is_interrupted(tmp_path):
    assert said(tmp_path) == (0, ["loaded whole", "interrupted"])


def test_any_other_module_is_interrupted_at_once(tmp_path):
    assert said(tmp_path, name="pure") == (0, ["interrupted"])


def test_without_a_signal_it_goes_on(tmp_path):
    assert said(tmp_path, signals=0) == (0, ["loaded whole", "went on"])


def test_the_third_signal_ends_it_at_once_even_so(tmp_path):
    assert said(tmp_path, signals=3) == (130, [])


def test_a_library_that_another_thread_loads_holds_nothing_back(tmp_path):
    work = "import threading; loader = threading.Thread(target=lambda: __import__('{name}')); loader.start(); loader.join()"
    code, lines = said(tmp_path, work=work)
    assert code == 0
    assert sorted(lines) == ["interrupted", "loaded whole"]
