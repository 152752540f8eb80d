"""A plan: all problems at once with their rows, keys that tell what a clip is made from, and very long tables."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sonic_core.errors import SettingsError
from sonic_core.jobs.ledger import Ledger
from sonic_core.jobs.plan import check, planned, trial_job
from sonic_core.jobs.table import Row
from sonic_core.samples import PORTRAIT, SPEECH

GOOD = {"image": str(PORTRAIT), "audio": str(SPEECH)}


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "out")
    yield ledger
    ledger.close()


def plan_of(ledger, *rows, base=None, overwrite=False):
    return check((Row(i, row) for i, row in enumerate(rows, 2)), ledger, base or {}, Path(), overwrite)


def keys(ledger):
    return {clip.output: clip.key for clip in planned(ledger)}


def test_all_problems_are_told_at_once_with_their_rows(ledger):
    plan = plan_of(
        ledger,
        {**GOOD, "output": "a.mp4", "sead": "3"},
        {**GOOD, "output": "../a.mp4"},
        {**GOOD, "output": "A.mp4"},
        {**GOOD, "output": "b.mp4", "seed": "many"},
        {**GOOD, "output": "c.mp4", "min_resolution": "10"},
        {"image": "nowhere.png", "audio": str(PORTRAIT), "output": "d.mp4"},
        {"image": str(PORTRAIT), "output": "e.mp4"},
        {**GOOD, "output": "f.avi"},
        {**GOOD, "output": "g.mp4", "visible_label": "sometimes"},
    )
    with pytest.raises(SettingsError) as told:
        plan.raise_problems()
    expected = {
        2: "the column 'sead' is unknown; did you mean seed?",
        3: "lies outside the output folder",
        4: "the output A.mp4 is row 2's too",
        5: "seed is 'many'; expected a whole number",
        6: "min_resolution is 10",
        7: "nowhere.png: it does not exist",
        8: "audio not given",
        9: "the output f.avi is of no known kind",
        10: "sometimes",
    }
    for number, text in expected.items():
        assert any(f"row {number}: " in line and text in line for line in str(told.value).splitlines()), text
    assert "row 7: portrait.png has no sound" in str(told.value)
    assert plan.problem_count == 10


def test_text_means_what_its_column_says(ledger):
    row = {
        **GOOD,
        "output": "a.webm",
        "dynamic_scale": "1,15",
        "loopable": "yes",
        "crf": "20",
        "visible_label": "always",
    }
    plan_of(ledger, {**row, "audio_kbps": "96", "label_language": "zh", "smooth": "ema"}).raise_problems()
    (clip,) = planned(ledger)
    values = json.loads(clip.job)
    assert values["settings"] == {"dynamic_scale": 1.15, "loopable": True}
    assert values["encoding"] == {"crf": 20, "audio_bitrate": 96_000}
    assert values["labels"] == {"visible": {"span": "always", "language": "zh"}}
    assert values["smoothing"] == {"method": "ema"}


def test_a_key_follows_contents_and_settings_and_not_places(ledger, tmp_path):
    copy = tmp_path / "copy.wav"
    copy.write_bytes(SPEECH.read_bytes())
    other = tmp_path / "other.wav"
    other.write_bytes(SPEECH.read_bytes()[:-200])
    rows = [{}, {"audio": str(copy)}, {"audio": str(other)}, {"seed": "1"}, {"crf": "30"}]
    plan = plan_of(ledger, *({**GOOD, "title": "t", **row, "output": f"{i}.mp4"} for i, row in enumerate(rows)))
    plan.raise_problems()
    found = keys(ledger)
    assert found["0.mp4"] == found["1.mp4"]
    assert len({found[f"{i}.mp4"] for i in (0, 2, 3, 4)}) == 4


def test_a_file_of_somebody_else_is_not_replaced_unasked(ledger):
    (ledger.folder / "a.mp4").write_bytes(b"mine")
    with pytest.raises(SettingsError, match=r"a\.mp4 exists and was not made by a batch"):
        plan_of(ledger, {**GOOD, "output": "a.mp4"}).raise_problems()
    plan_of(ledger, {**GOOD, "output": "a.mp4"}, overwrite=True).raise_problems()


def test_what_only_waits_is_still_to_make(ledger):
    rows = [{**GOOD, "output": f"{name}.mp4"} for name in "ab"]
    first = plan_of(ledger, *rows)
    ledger.plan("run", planned(ledger))
    interrupted = plan_of(ledger, *rows)
    assert (interrupted.kept, interrupted.seconds, interrupted.room) == (0, first.seconds, first.room)
    ledger.claim("run", ledger.enlist())
    again = plan_of(ledger, *rows)
    assert (again.kept, again.seconds) == (1, first.seconds / 2)
    assert trial_job(ledger) is not None


@pytest.mark.parametrize("name", ["con.mp4", "day 1/NUL.x.mp4", "day 1 /a.mp4", "day./a.mp4"])
def test_names_that_windows_cannot_hold_are_told(ledger, name):
    with pytest.raises(SettingsError, match="cannot be used as a name on Windows"):
        plan_of(ledger, {**GOOD, "output": name}).raise_problems()


def test_a_seed_of_thousands_of_digits_is_told_in_any_row(ledger):
    rows = [{**GOOD, "output": f"{i}.mp4", "seed": seed} for i, seed in enumerate(("1", "1" * 5000))]
    with pytest.raises(SettingsError, match="row 3: seed is"):
        plan_of(ledger, *rows).raise_problems()


def test_clips_that_the_disk_cannot_hold_are_told(ledger):
    rows = [{**GOOD, "output": f"{i}.mp4", "duration": 36000, "length_policy": "pad"} for i in range(1000)]
    with pytest.raises(SettingsError, match="GB free"):
        plan_of(ledger, *rows, base={"encoding": {"audio_bitrate": 512_000}}).raise_problems()


PEAK = """
import sys, tracemalloc
from pathlib import Path
from sonic_core.jobs.ledger import Ledger
from sonic_core.jobs.plan import check
from sonic_core.jobs.table import read_rows

def peak(count):
    table = Path(f"{count}.csv")
    with table.open("w") as file:
        file.write("image,audio,output,seed\\n")
        file.writelines(f"{sys.argv[1]},{sys.argv[2]},c{i}.mp4,{i}\\n" for i in range(count))
    tracemalloc.start()
    plan = check(read_rows(table), Ledger(Path("out")), {}, Path().absolute())
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (plan.clips, plan.problem_count) == (count, 0)
    return held

print(peak(2500), peak(5000))  # more than the interpreter keeps of freed tuples for later
"""


def test_memory_does_not_grow_with_the_number_of_rows(tmp_path):
    """In a process of its own: what other tests have left to the garbage collector would be counted here."""
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}
    found = subprocess.run(
        [sys.executable, "-c", PEAK, str(PORTRAIT), str(SPEECH)],
        cwd=tmp_path, check=True, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    few, many = map(int, found.stdout.split())
    assert many < few + 2500 * 200  # bytes; the JSON of a row alone has more than 1000


LONG = """
import json, re, sys, time
from pathlib import Path
from sonic_core.jobs.ledger import Ledger
from sonic_core.jobs.plan import check, planned, trial_job
from sonic_core.jobs.table import read_rows

count, table = int(sys.argv[3]), Path("jobs.csv")
with table.open("w") as file:
    file.write("image,audio,output,seed\\n")
    file.writelines(f"{sys.argv[1]},{sys.argv[2]},{i // 1000}/c{i}.mp4,{i}\\n" for i in range(count))
ledger = Ledger(Path("out"))
plan = check(read_rows(table), ledger, {"settings": {"duration": 0.1, "length_policy": "trim"}}, Path().absolute())
plan.raise_problems()
owner = ledger.enlist()
ledger.plan(owner, planned(ledger))
first = ledger.claim(owner, owner).output
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())  # getrusage would count the parent's, too
print(json.dumps([plan.clips, first, time.process_time(), int(peak[1])]))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads the peak memory of a process where Linux tells it"
)
def test_a_hundred_thousand_rows_start_in_seconds_and_in_the_memory_of_a_tenth(tmp_path):
    """Until the first clip is claimed; the seconds are of the processor, of which a busy machine gives each process fewer at a time."""
    figures = {}
    for count in (10_000, 100_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}
        told = subprocess.run(
            [sys.executable, "-c", LONG, str(PORTRAIT), str(SPEECH), str(count)],
            cwd=folder, check=True, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        clips, first, seconds, memory = json.loads(told.stdout)
        assert (clips, first) == (count, "0/c0.mp4")
        figures[count] = seconds, memory
    (few_seconds, few_memory), (seconds, memory) = figures[10_000], figures[100_000]
    assert seconds < 60, figures  # 5 were measured
    assert seconds < 20 * few_seconds, figures  # ten times the rows: no more than in proportion
    assert memory < 1.1 * few_memory, figures


def test_planning_loads_no_torch(tmp_path):
    (tmp_path / "jobs.csv").write_text(f"image,audio\n{PORTRAIT},{SPEECH}\n")
    code = (
        "import sys; from pathlib import Path; import sonic_core.jobs.batch, sonic_core.jobs.report, sonic_core.commands.batch\n"
        "from sonic_core.jobs.ledger import Ledger; from sonic_core.jobs.plan import check; from sonic_core.jobs.table import read_rows\n"
        "check(read_rows(Path('jobs.csv')), Ledger(Path('out')), {}, Path().absolute()).raise_problems()\n"
        "assert 'torch' not in sys.modules"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=environment)


def test_outputs_that_lie_in_one_another_are_refused(ledger):
    outputs = ("a.png", "a/b.mp4", "c/d/e.mp4", "C.png", "a b/c.mp4", "a-b.mp4", "d.mp4", "d.mp4/e.mp4")
    plan = plan_of(ledger, *({**GOOD, "output": output} for output in outputs))
    assert plan.problems == [
        "row 3: the output a/b.mp4 and row 2's, a, lie one in the other. Give each row a place of its own.",
        "row 5: the output C and row 4's, c/d/e.mp4, lie one in the other. Give each row a place of its own.",
        "row 9: the output d.mp4/e.mp4 and row 8's, d.mp4, lie one in the other. Give each row a place of its own.",
    ]


def test_rows_may_have_guidance_of_their_own(ledger):
    rows = [
        Row(number, {"image": str(PORTRAIT), "audio": str(SPEECH), "output": f"{number}.mp4", "image_guidance": scale})
        for number, scale in enumerate(("2", "2,5"), 1)
    ]
    check(rows, ledger, {"engine": "sonic"}, Path()).raise_problems()
    assert [json.loads(clip.job)["options"]["image_guidance"] for clip in planned(ledger)] == [2.0, 2.5]
