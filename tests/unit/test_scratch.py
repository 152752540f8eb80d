"""Long arrays lie in a file: the same numbers, and memory that is let go of."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from sonic_core.audio.clip import AudioClip
from sonic_core.audio.resampling import to_mono_16k
from sonic_core.audio.store import SampleStore, blocks_of, with_silence
from sonic_core.audio.waveform import sanitized
from sonic_core.engines.lite.motion import SpeechMotion
from sonic_core.errors import OutputError
from sonic_core.media.provenance import audio_digest
from sonic_core.samples import SPEECH
from sonic_core.scratch import RowStore, Scratch, forget
from sonic_core.settings import Settings
from sonic_core.stream_check import check_sound

ROWS = np.random.default_rng(0).standard_normal((1000, 3)).astype(np.float32)


def stored(in_memory: int) -> np.ndarray:
    store = RowStore(3, in_memory)
    for first in range(0, len(ROWS), 70):
        store.append(ROWS[first : first + 70])
    return store.whole()


def resident_mb() -> float:
    """Of the pages of mapped files, libraries too."""
    return sum(
        int(line.split()[1]) / 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("RssFile")
    )


@pytest.mark.parametrize("in_memory", [0, 5000, 10**6])
def test_rows_come_back_as_they_went_in(in_memory):
    rows = stored(in_memory)
    np.testing.assert_array_equal(rows, ROWS)
    forget(rows)
    np.testing.assert_array_equal(rows, ROWS)


def test_what_is_written_to_a_mapped_array_stays_when_its_memory_is_let_go_of():
    scratch = Scratch(in_memory=100)
    few, many = scratch.zeros((5, 2)), scratch.zeros((1000, 2))
    few += 1
    many[::2] = 7
    scratch.forget()
    assert few.tolist() == [[1, 1]] * 5
    assert many[::2].min() == many[::2].max() == 7
    assert not many[1::2].any()


def test_changes_in_a_map_of_the_callers_own_are_not_let_go_of(tmp_path):
    path = tmp_path / "sound.f32"
    np.full(48_000, 3, np.float32).tofile(path)
    loud = np.memmap(path, np.float32, "c", shape=(1, 48_000))  # changes stay in memory, the file as it is
    clip = sanitized(AudioClip(loud, 48_000))
    assert clip.samples.max() == 1
    assert clip.mixed(0, 10).tolist() == [1] * 10


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux tells of a file")
def test_the_disk_under_a_mapped_array_is_taken_at_once(monkeypatch):
    held = []

    def watched(**options):
        file = opened(**options)
        held.append(os.dup(file.fileno()))
        return file

    opened = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", watched)
    Scratch().zeros((5, 2**20))
    assert os.fstat(held[0]).st_blocks * 512 >= 20 * 2**20
    os.close(held[0])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize("fill", [lambda: Scratch(0).zeros((9, 3)), lambda: stored(5000)])
def test_a_full_disk_is_told_in_our_words(monkeypatch, fill):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Path("/dev/full").open("w+b", buffering=0))  # noqa: SIM115
    with pytest.raises(OutputError, match="Free space there"):
        fill()


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux tells of a process")
def test_going_through_a_long_recording_takes_the_memory_of_a_block():
    store = SampleStore(2)
    for _ in range(200):
        store.append(np.ones((2, 1 << 18), np.float32))
    samples = store.whole()
    before = resident_mb()
    assert sum(float(block[0, 0]) for block in blocks_of(samples)) == 50
    assert resident_mb() - before < 20
    assert samples.sum() == 2 * 200 * (1 << 18)
    assert resident_mb() - before > 390
    forget(samples)
    assert resident_mb() - before < 20
    clip = AudioClip(samples, 48_000)
    check_sound(clip)
    audio_digest(clip)
    longer = with_silence(samples, samples.shape[1] + 1000)
    assert resident_mb() - before < 20
    assert (longer.shape[1], float(longer[0, -1000]), float(longer[0, -1001])) == (samples.shape[1] + 1000, 0, 1)


def test_a_recording_that_lies_in_a_file_moves_the_face_to_the_bit_as_one_in_memory(monkeypatch):
    from sonic_core.audio import store
    from sonic_core.audio.loading import load_audio
    from sonic_core.hearing import lip_reader

    def track() -> np.ndarray:
        heard = motion.listen(load_audio(SPEECH), frames)
        return motion.move(heard, Settings(seed=3, inference_steps=3))

    motion, frames = SpeechMotion.load(), load_audio(SPEECH).frame_count(25) + 9
    in_memory = track()
    monkeypatch.setattr(store, "IN_MEMORY", 0)
    monkeypatch.setattr(RowStore.__init__, "__defaults__", (0,))
    monkeypatch.setattr(Scratch.__init__, "__defaults__", (0,))
    np.testing.assert_array_equal(track(), in_memory)
    monkeypatch.setattr(lip_reader, "ROWS", 50)
    np.testing.assert_allclose(track(), in_memory, atol=1e-5)


def test_sixteen_kilohertz_sound_is_taken_as_it_is():
    samples = np.random.default_rng(1).uniform(-1, 1, (2, 160_123)).astype(np.float32)
    np.testing.assert_array_equal(to_mono_16k(AudioClip(samples, 16_000)), samples.mean(axis=0))
