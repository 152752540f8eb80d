"""The cache of measurements: never wrong, never in the way, never too large."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from portrait_samples import SAMPLE

from sonic_core.portrait.analysis import _remembered, load_portrait
from sonic_core.portrait.cache import LONGEST_WAIT, ArrayCache, content_digest, default_cache_dir
from sonic_core.portrait.loading import load_picture

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "text": np.array("words")}
ROOT = Path(__file__).parents[2]


def test_what_was_written_is_read(tmp_path):
    cache = ArrayCache(tmp_path / "new" / "folder")
    cache.write("key", ARRAYS)
    found = cache.read("key")
    assert np.array_equal(found["a"], ARRAYS["a"])
    assert str(found["text"]) == "words"


def test_an_unknown_key_is_none_and_creates_nothing(tmp_path):
    assert ArrayCache(tmp_path / "cache").read("key") is None
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"something else"])
def test_a_damaged_file_is_ignored_and_written_anew(tmp_path, content):
    cache = ArrayCache(tmp_path)
    (tmp_path / "key.npz").write_bytes(content)
    assert cache.read("key") is None
    cache.write("key", ARRAYS)
    assert np.array_equal(cache.read("key")["a"], ARRAYS["a"])


def test_a_folder_that_cannot_be_made_does_not_stop_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = ArrayCache(tmp_path / "file" / "cache")
    cache.write("key", ARRAYS)
    assert cache.read("key") is None


def test_the_least_recently_used_go_first(tmp_path):
    cache = ArrayCache(tmp_path, max_bytes=25_000)
    for i in range(3):
        cache.write(f"key{i}", {"a": np.zeros(1000, np.float64)})  # 8 kB each
        os.utime(tmp_path / f"key{i}.npz", (1000 + i, 1000 + i))
    assert cache.read("key0") is not None  # used now
    cache.write("key3", {"a": np.zeros(1000, np.float64)})
    assert {path.stem for path in tmp_path.iterdir()} == {"key0", "key2", "key3"}


def test_several_writers_and_a_reader_never_see_half_a_file(tmp_path):
    write = (
        "import sys, numpy as np; from pathlib import Path; from sonic_core.portrait.cache import ArrayCache\n"
        "for i in range(40): ArrayCache(Path(sys.argv[1])).write('key', {'a': np.full(20000, int(sys.argv[2]))})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", write, str(tmp_path), str(i)], cwd=ROOT) for i in range(3)]
    seen = set()
    finished = threading.Event()
    while not finished.is_set():
        if all(writer.poll() is not None for writer in writers):
            finished.set()
        path = tmp_path / "key.npz"
        if path.exists():
            with np.load(path) as stored:  # raises when damaged
                values = stored["a"]
            assert len(values) == 20000
            assert len(np.unique(values)) == 1
            seen.add(int(values[0]))
    assert all(writer.returncode == 0 for writer in writers)
    assert seen
    assert [path.name for path in tmp_path.iterdir()] == ["key.npz"]


MEASURES = """
import sys
from pathlib import Path
from sonic_core.portrait import analysis

real = analysis.analyse
def counted(*args):
    print("measured", flush=True)
    return real(*args)
analysis.analyse = counted
sys.stdin.readline()  # both begin together
analysis.load_portrait(Path(sys.argv[1]), cache_dir=Path(sys.argv[2]))
"""


def test_processes_that_want_the_same_portrait_at_once_measure_it_once(tmp_path):
    command = [sys.executable, "-c", MEASURES, str(SAMPLE), str(tmp_path)]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)
    ]
    said = []
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in both:
        said.append(process.communicate(timeout=120)[0])
        assert process.returncode == 0
    assert sorted(said) == ["", "measured\n"]


def test_a_holder_of_the_lock_that_dies_frees_it(tmp_path):
    code = "import sys, os; from pathlib import Path; from sonic_core.portrait.cache import ArrayCache\n"
    code += "with ArrayCache(Path(sys.argv[1])).alone('key'): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    begin = time.monotonic()
    with ArrayCache(tmp_path).alone("key"):
        assert time.monotonic() - begin < LONGEST_WAIT / 2


def test_the_environment_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SONIC_PORTRAIT_CACHE", str(tmp_path / "here"))
    assert default_cache_dir() == tmp_path / "here"
    monkeypatch.delenv("SONIC_PORTRAIT_CACHE")
    assert default_cache_dir().parent.name == "sonic-portrait"


def test_importing_creates_nothing(tmp_path):
    code = "import sonic_core.portrait.analysis"
    env = {**os.environ, "SONIC_PORTRAIT_CACHE": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True)
    assert list(tmp_path.iterdir()) == []


def test_the_digest_depends_on_pixels_shape_and_alpha():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    other = image.copy()
    other[1, 3, 2] ^= 1
    digests = [
        content_digest(image),
        content_digest(other),
        content_digest(image.reshape(4, 2, 3)),
        content_digest(image, image[..., 0]),
    ]
    assert len(set(digests)) == 4
    assert content_digest(image.copy()) == digests[0]


def test_no_damage_to_a_cache_file_locks_a_picture_out(tmp_path):
    """Bytes changed at many places: measured again, or read as it was; never an error."""
    path = SAMPLE
    fresh = load_portrait(path, cache_dir=tmp_path)
    (file,) = tmp_path.glob("*.npz")
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            damaged[place] ^= int(rng.integers(1, 256))
        file.write_bytes(bytes(damaged))
        arrays = ArrayCache(tmp_path).read(file.stem)
        again = _remembered(arrays, load_picture(path), 0, fresh.digest)
        assert again is None or np.isfinite(again.landmarks).all()
    file.write_bytes(whole[:100] + b"\x00\xff\x00\xff" + whole[104:])
    assert np.allclose(load_portrait(path, cache_dir=tmp_path).landmarks, fresh.landmarks)
