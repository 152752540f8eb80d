"""Batches for real, with clips of half a second: nothing done twice, nothing lost, whoever is killed."""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import signal
import subprocess
import time
from urllib.parse import quote

import pytest
from batch_runs import POSIX, SHORT, TIDY, batch, clips, ended, rest, started, states, table, working

from sonic_core import Job, Settings, make_batch
from sonic_core.errors import OutputError, SettingsError
from sonic_core.jobs.store import NAME
from sonic_core.media.probe import probe
from sonic_core.samples import PORTRAIT, SPEECH

CLIP = {"image": PORTRAIT, "audio": SPEECH}


def test_a_second_run_does_nothing_and_a_third_only_what_changed(tmp_path):
    out, jobs = tmp_path / "out", table(tmp_path, *clips(2))
    assert batch(jobs, "--output", out, *SHORT)[0] == 0
    first = {path.name: path.stat().st_mtime_ns for path in out.glob("*.mp4")}
    assert set(first) == {"clip0.mp4", "clip1.mp4"}
    code, answer = batch(jobs, "--output", out, *SHORT)
    assert (code, answer["kept"], answer["done"]) == (0, 2, 2)
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.mp4")} == first
    table(tmp_path, clips(1)[0], f"{PORTRAIT},{SPEECH},clip1.mp4,7")
    code, answer = batch(jobs, "--output", out, *SHORT)
    assert (code, answer["kept"], answer["done"]) == (0, 1, 2)
    changed = {path.name for path in out.glob("*.mp4") if path.stat().st_mtime_ns != first[path.name]}
    assert changed == {"clip1.mp4"}
    assert rest(out) == TIDY


def test_from_python_a_row_that_fails_is_reported_and_the_same_call_goes_on(tmp_path):
    settings = Settings(duration=0.4, length_policy="trim", min_resolution=256)
    rows = [{"image": PORTRAIT, "audio": SPEECH, "seed": 3}, {"image": str(SPEECH), "audio": SPEECH, "output": "none"}]
    with pytest.raises(SettingsError, match="row 2"):
        make_batch(rows, tmp_path / "out", Job(None, None, settings=settings), measure=False)
    seen = []
    for kept in (0, 1):
        made = make_batch(
            iter(rows[:1]), tmp_path / "out", Job(None, None, settings=settings), measure=False, tell=seen.append
        )
        assert made.complete
        assert (made.clips, made.kept, made.done, made.failed, made.rejected) == (1, kept, 1, 0, 0)
        assert made.report.exists()
        assert made.table.exists()
    assert seen[-1].done == 1
    (clip,) = (tmp_path / "out").glob("*.mp4")
    assert (probe(clip).frames, probe(clip).width) == (10, 256)


def test_from_python_whatever_tell_raises_stops_the_work_and_leaves_rows_that_wait(tmp_path):
    def stop(state):
        raise KeyboardInterrupt

    rows = [{"image": PORTRAIT, "audio": SPEECH}]
    with pytest.raises(KeyboardInterrupt):
        make_batch(rows, tmp_path / "out", measure=False, tell=stop)
    assert (tmp_path / "out" / "report.html").exists()
    assert states(tmp_path / "out") == {f"{PORTRAIT.stem}_{SPEECH.stem}.mp4": ("waiting", 0)}


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        ([], {}, "no clip to make"),
        ([CLIP], {"workers": 0}, "workers is 0"),
        ([CLIP], {"workers": "2"}, "workers is '2'; expected a whole number"),
        ([CLIP], {"retries": 1.5}, "retries is 1.5; expected a whole number"),
        ([CLIP], {"devices": "cuda:0"}, "devices is 'cuda:0'; expected a list"),
        ([CLIP], {"reject_offset": "40"}, "reject_offset is '40'; expected a number"),
        ([CLIP], {"reject_confidence": -1}, "reject_confidence is -1; expected a number from 0 to 1"),
        ([CLIP], {"reject_confidence": 1.5}, "reject_confidence is 1.5; expected a number from 0 to 1"),
        ([CLIP], {"devices": ["cuda:0"]}, "devices cuda:0 are given, but lite works on the CPU alone"),
        ([CLIP], {"job": Settings(seed=7)}, "job is a Settings; expected a Job"),
        ([CLIP], {"measure": False, "reject_offset": 40}, "measure is False"),
        ([CLIP], {"measure": False, "reject_confidence": 0}, "measure is False"),
        (CLIP, {}, "clips is a dict; expected a list"),
        ([CLIP, ("me.jpg", "hello.wav")], {}, "Clip 2 is a tuple; expected a mapping"),
    ],
)
def test_from_python_what_no_batch_can_be_made_of_is_refused_before_anything(tmp_path, rows, options, told):
    with pytest.raises(SettingsError, match=told):
        make_batch(rows, tmp_path / "out", **options)


def test_the_command_refuses_devices_and_limits_that_mean_nothing(tmp_path):
    jobs = table(tmp_path, *clips(1))
    for option, value in (("--devices", "cuda:0"), ("--reject-confidence", "80"), ("--reject-offset", "-5")):
        assert batch(jobs, "--output", tmp_path / "out", option, value, *SHORT)[0] == 2
    assert not list((tmp_path / "out").glob("*.mp4"))


def test_a_file_in_the_place_of_the_output_folder_is_told_and_stays(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match=r"out cannot be made .*name another folder"):
        make_batch([CLIP], tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_the_report_says_why_nothing_was_measured(tmp_path):
    settings = Settings(duration=0.4, length_policy="trim", min_resolution=256)
    made = make_batch([CLIP], tmp_path / "out", Job(None, None, settings=settings))
    assert made.done == 1
    assert "1.5 s are needed" in made.report.read_text("utf-8")
    assert "1.5 s are needed" in made.table.read_text("utf-8-sig")


def test_a_row_that_fails_does_not_stop_the_others_and_its_reason_is_reported(tmp_path):
    noise = tmp_path / "grey.png"
    from PIL import Image

    Image.new("RGB", (300, 300), "grey").save(noise)
    picture, recording = shutil.copy(PORTRAIT, tmp_path / "肖像 🙂.png"), shutil.copy(SPEECH, tmp_path / "录音 🎤.wav")
    jobs = table(tmp_path, f"{noise},{SPEECH},=bad.mp4,0", f"{picture},{recording},第一天/你好 🎬.mp4,0")
    out = tmp_path / "out"
    code, answer = batch(jobs, "--output", out, "--reject-confidence", "1", *SHORT[:-1])
    assert (code, answer["done"], answer["failed"], answer["rejected"]) == (1, 1, 1, 1)
    with (out / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        bad, good = csv.DictReader(file)
    assert (bad["state"], bad["attempts"], bad["output"]) == ("failed", "1", "'=bad.mp4")
    assert "face" in bad["error"]
    assert good["state"] == "rejected"
    assert (good["output"], good["duration_s"]) == ("第一天/你好 🎬.mp4", "0.4")
    assert probe(out / "第一天" / "你好 🎬.mp4").frames == 10
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.index("=bad.mp4") < page.index("第一天/你好 🎬.mp4")
    assert f'data-src="{quote("第一天/你好 🎬.mp4")}"' in page
    assert "data:image/jpeg;base64," in page


def test_so_many_failures_end_the_batch_and_the_rest_is_left_for_later(tmp_path):
    (tmp_path / "cut.png").write_bytes(PORTRAIT.read_bytes()[:20_000])
    bad = [f"{tmp_path / 'cut.png'},{SPEECH},bad{i}.mp4,0" for i in range(3)]
    jobs, out = table(tmp_path, *bad, *clips(1)), tmp_path / "out"
    code, answer = batch(jobs, "--output", out, "--stop-after", "2", *SHORT)
    assert code == 1
    assert (answer["failed"], answer["done"]) == (2, 0)
    found = [state for state, _ in states(out).values()]
    assert (found.count("failed"), found.count("waiting")) == (2, 2)
    with (out / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)].count("not made") == 2
    code, answer = batch(jobs, "--output", out, *SHORT)
    assert (code, answer["failed"], answer["done"]) == (1, 3, 1)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 6 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "none", place], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_is_full_for_a_while_loses_no_clip(tmp_path, small_disk):
    out, jobs = small_disk / "out", table(tmp_path, *clips(3))
    process = started(jobs, "--output", out, "--workers", "2", "--retries", "0", *SHORT)
    working(out)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert shutil.disk_usage(small_disk).free == 0
    time.sleep(4)  # several tries against the full disk
    assert process.poll() is None
    assert "done" not in dict(states(out).values()) or len(list(out.glob("*.mp4"))) < 3
    filler.unlink()
    code, answer = ended(process)
    assert (code, answer["done"], answer["failed"]) == (0, 3, 0)
    assert set(states(out).values()) == {("done", 1)}
    for clip in out.glob("*.mp4"):
        assert probe(clip).frames == 10
    assert rest(out) == TIDY


@POSIX
def test_a_worker_that_is_killed_loses_no_clip(tmp_path):
    out, jobs = tmp_path / "out", table(tmp_path, *clips(3))
    process = started(jobs, "--output", out, *SHORT)
    os.kill(working(out), signal.SIGKILL)
    code, answer = ended(process)
    assert (code, answer["done"]) == (0, 3)
    assert sorted(states(out).values()) == [("done", 1), ("done", 1), ("done", 2)]
    assert rest(out) == TIDY


@POSIX
def test_a_batch_that_is_killed_goes_on_with_the_same_command(tmp_path):
    out, jobs = tmp_path / "out", table(tmp_path, *clips(3))
    process = started(jobs, "--output", out, *SHORT)
    working(out)
    process.kill()
    process.communicate()
    code, answer = batch(jobs, "--output", out, *SHORT)
    assert (code, answer["done"]) == (0, 3)
    assert {state for state, _ in states(out).values()} == {"done"}
    assert rest(out) == TIDY


@POSIX
def test_ctrl_c_drops_the_clip_in_work_and_the_same_command_goes_on(tmp_path):
    out, jobs = tmp_path / "out", table(tmp_path, *clips(2))
    process = started(jobs, "--output", out, *SHORT)
    working(out)
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130
    assert {state for state, _ in states(out).values()} <= {"done", "waiting"}
    assert rest(out) == TIDY
    assert batch(jobs, "--output", out, *SHORT)[0] == 0


def test_two_batches_on_one_folder_make_each_clip_once(tmp_path):
    out, jobs = tmp_path / "out", table(tmp_path, *clips(3))
    processes = [started(jobs, "--output", out, *SHORT) for _ in range(2)]
    for process in processes:
        code, answer = ended(process)
        assert (code, answer["done"]) == (0, 3)
    assert states(out) == {f"clip{i}.mp4": ("done", 1) for i in range(3)}
    assert rest(out) == TIDY


def test_check_makes_a_plan_from_a_trial_and_no_video(tmp_path):
    out = tmp_path / "out"
    code, answer = batch(table(tmp_path, *clips(3)), "--output", out, "--check", *SHORT)
    assert code == 0
    assert answer["clips"] == 3
    assert answer["seconds_of_video"] == pytest.approx(1.2)
    assert answer["seconds_estimated"] == pytest.approx(1.2 * answer["seconds_per_second"])
    assert rest(out) == {NAME}
    assert not list(out.glob("*.mp4"))


def test_problems_stop_the_batch_before_the_first_frame(tmp_path):
    out = tmp_path / "out"
    code, answer = batch(table(tmp_path, *clips(1), *clips(1), "x.png,y.wav,z.mp4,1"), "--output", out, *SHORT)
    assert code == 2
    assert "row 3: the output clip0.mp4 is row 2's too" in answer["message"]
    assert "x.png: it does not exist" in answer["message"]
    assert not list(out.glob("*.mp4"))
