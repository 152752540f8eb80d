"""What a process of the package does about circular garbage: libraries are not gone through again and again."""

import json
import subprocess
import sys

from sonic_core.threads import GARBAGE_THRESHOLD

LOAD = """
import gc, json
{before}
import numpy, torch
print(json.dumps([s["collections"] for s in gc.get_stats()]), flush=True)
"""


def searches(before: str) -> list[int]:
    """Searches for garbage in each generation while libraries load."""
    answer = subprocess.run(
        [sys.executable, "-c", LOAD.format(before=before)], capture_output=True, text=True, check=True
    )
    return json.loads(answer.stdout.splitlines()[0])


def test_libraries_load_with_few_searches_for_garbage():
    usual, ours = searches(""), searches("from sonic_core.threads import prepare_process; prepare_process()")
    assert sum(ours) < sum(usual) / 10
    assert ours[2] <= 1 < usual[2]


def test_the_end_of_a_process_searches_nothing():
    code = (
        "import atexit, gc\n"
        "atexit.register(lambda: print(gc.get_freeze_count(), len(gc.get_objects())))\n"  # last in, first out: it comes after ours
        "from sonic_core.threads import prepare_process\n"
        "prepare_process(); prepare_process()\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    frozen, left = map(int, answer.stdout.split())
    assert frozen > 1000 > left


def test_garbage_in_circles_is_still_found():
    code = (
        "import gc, weakref\n"
        "from sonic_core.threads import prepare_process\n"
        "class Circle: pass\n"
        "prepare_process()\n"
        "circle = Circle(); circle.itself = circle; gone = weakref.ref(circle); del circle\n"
        f"kept = [[] for _ in range({2 * GARBAGE_THRESHOLD})]\n"
        "print(gone() is None)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "True"
