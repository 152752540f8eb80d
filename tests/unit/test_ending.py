"""How a command's process ends: what others want done is done, and PyTorch is not taken down."""

import os
import subprocess
import sys

import pytest

PYTORCH = "import sys; sys.modules['torch'] = sys  # stands for it\n"
REMAINS = (
    "class Remains:\n"
    "    def __del__(self): print('taken down')\n"
    "remains = Remains()\n"
    "from sonic_core.commands.ending import leave\n"
)


def ended(code: str) -> subprocess.CompletedProcess[str]:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=buffered)


def test_with_pytorch_nothing_is_taken_down():
    answer = ended(f"{PYTORCH}{REMAINS}leave(3)")
    assert (answer.returncode, answer.stdout, answer.stderr) == (3, "", "")


def test_without_pytorch_it_ends_as_any_process():
    answer = ended(f"{REMAINS}leave(3)")
    assert (answer.returncode, answer.stdout) == (3, "taken down\n")


def test_what_others_want_done_at_the_end_is_done():
    answer = ended(
        f"{PYTORCH}{REMAINS}"
        "import atexit, threading, time\n"
        "atexit.register(print, 'by the way', end='')\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('thread', flush=True))).start()\n"
        "leave(0)"
    )
    assert (answer.returncode, answer.stdout) == (0, "thread\nby the way")


@pytest.mark.parametrize("watching", ["sys.setprofile(lambda *_: None)", "sys.settrace(lambda *_: None)"])
def test_who_watches_sees_the_end(watching):
    answer = ended(
        f"{PYTORCH}{REMAINS}{watching}\ntry: leave(3)\nexcept SystemExit as end: print('goes on after', end.code, flush=True)"
    )
    assert "goes on after 3" in answer.stdout


def test_a_program_that_runs_a_command_goes_on(tmp_path):
    (tmp_path / "sonic_core_host.py").write_text(
        "from sonic_core.commands.ending import leave\n"
        "def run():\n"
        "    try: leave(3)\n"
        "    except SystemExit as end: print('goes on after', end.code)\n"
    )
    answer = ended(f"{PYTORCH}sys.path.append({str(tmp_path)!r})\nimport sonic_core_host; sonic_core_host.run()")
    assert (answer.returncode, answer.stdout) == (0, "goes on after 3\n")


@pytest.mark.parametrize(
    "run", ["run_module('sonic_core_part', run_name='__main__')", "run_path(part, run_name='__main__')"]
)
def test_a_script_that_runs_a_command_as_a_module_goes_on(run, tmp_path):
    part = tmp_path / "sonic_core_part.py"
    part.write_text("from sonic_core.commands.ending import leave\nleave(3)\n")
    answer = ended(
        f"{PYTORCH}import runpy\nsys.path.append({str(tmp_path)!r})\npart = {str(part)!r}\n"
        f"try: runpy.{run}\nexcept SystemExit as end: print('goes on after', end.code)"
    )
    assert (answer.returncode, answer.stdout) == (0, "goes on after 3\n"), answer.stderr


def test_a_library_that_fails_at_the_end_does_not_change_the_code():
    answer = ended(
        f"{PYTORCH}import threading\nfrom sonic_core.commands.ending import leave\n"
        "def fail(): raise RuntimeError('library')\n"
        "threading._register_atexit(fail)\nleave(3)"
    )
    assert answer.returncode == 3
    assert "library" in answer.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells a reader that left otherwise")
def test_a_reader_that_left_costs_no_traceback():
    answer = ended(
        f"{PYTORCH}import os\nfrom sonic_core.commands.ending import leave\n"
        "reading, writing = os.pipe(); os.close(reading); os.dup2(writing, 1)\n"
        "sys.stdout.write('nobody reads this'); leave(0)"
    )
    assert "Traceback" not in answer.stderr
