"""One thread for small networks, whoever else is at work."""

import os
import subprocess
import sys
import threading

import cv2
import pytest
import torch

from sonic_core.threads import one_thread, share_of_cores, sharing


@pytest.fixture(autouse=True)
def usual():
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(3)
    cv2.setNumThreads(3)
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def counts():
    return torch.get_num_threads(), cv2.getNumThreads()


def test_the_usual_counts_come_back_after_the_outermost():
    with one_thread():
        with one_thread():
            assert counts() == (1, 1)
        assert counts() == (1, 1)
    assert counts() == (3, 3)


def test_sessions_that_overlap_leave_the_usual_counts_in_every_thread():
    inside, leave, seen = threading.Event(), threading.Event(), {}

    def other():
        with one_thread():
            inside.set()
            leave.wait(60)
            seen["while"] = counts()
        seen["after"] = counts()

    thread = threading.Thread(target=other)
    with one_thread():
        thread.start()
        assert inside.wait(60)
    assert counts() == (3, 1)  # OpenCV's number is the process's, and the other is still at work
    leave.set()
    thread.join()
    assert seen == {"while": (1, 1), "after": (3, 3)}
    assert counts() == (3, 3)


def test_a_share_holds_inside_alone(monkeypatch):
    monkeypatch.delenv("SONIC_PORTRAIT_THREADS", raising=False)
    with sharing(2):
        with sharing(1):
            assert share_of_cores() == 1
        assert share_of_cores() == 2
    assert share_of_cores() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_a_command_has_numpy_begin_no_threads_of_its_own():
    code = (
        "import os, sonic_core.cli as cli\n"
        "cli.main(['demo', '--duration', '-1'])\n"  # refused when the libraries are loaded
        "import numpy; numpy.linalg.inv(numpy.eye(500))\n"
        "print(len(os.listdir('/proc/self/task')))"
    )
    free = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=free)
    assert answer.stdout.split()[-1:] == ["1"], answer.stderr
