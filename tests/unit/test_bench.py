"""`bench`: figures that are measured are told, what is worked out or missing says so, and an earlier run can be compared."""

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from toy_engine.engine import TOY, ToyEngine

from sonic_core import cli
from sonic_core.bench import benchmark, clips, parts
from sonic_core.bench.clips import Run, longer, sections_of
from sonic_core.bench.figures import EVERY_SIZE, Figure, Section, table, width
from sonic_core.commands.engine_options import add_engine_choice, typed
from sonic_core.engines import registry
from sonic_core.errors import ModelMissingError
from sonic_core.job import Job
from sonic_core.samples import PORTRAIT, SPEECH
from sonic_core.words.catalogue import translated

SIZES = (256, 320)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(registry.ENGINES, "toy", "toy_engine.engine:TOY")


def measured(tmp_path, engine="toy"):
    job = Job(PORTRAIT, SPEECH, engine=engine)
    return parts.measure_parts(job, SIZES, tmp_path, (5,), drawn_seconds=0.2, heard_seconds=0.4)


def test_every_part_of_an_engine_is_measured_at_every_size(tmp_path):
    made = measured(tmp_path)
    figures = {figure.name: figure.values for figure in made.figures}
    assert (made.runs, made.faults, made.counted) == (True, [], {})
    assert all(set(figures[name]) == {"256", "320"} for name in ("render", "encode", "frame", "limit", "over_limit"))
    assert all(value > 0 for name in ("render", "encode", "limit", "sample") for value in figures[name].values())
    assert figures["over_limit"]["320"] == pytest.approx(figures["frame"]["320"] / figures["limit"]["320"])
    assert "listen" not in figures  # the toy reports no such stage


def test_sizes_for_which_there_is_no_time_are_named(tmp_path):
    made = parts.measure_parts(
        Job(PORTRAIT, SPEECH, engine="toy"), SIZES, tmp_path, drawn_seconds=0.2, heard_seconds=0.4, time_limit=0
    )
    figures = {figure.name: figure.values for figure in made.figures}
    assert set(figures["limit"]) == {"256"}
    assert made.faults == ["There was no time for the parts at 320 px."]


def without_weights(*args, **kwargs):
    raise ModelMissingError("unet.pth is missing.")


def test_without_weights_the_rest_is_measured_and_a_sentence_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "load_engine", without_weights)
    made = measured(tmp_path)
    names = {figure.name for figure in made.figures}
    assert names == {"picture_cold", "picture_cached", "encode", "limit"}
    assert not made.runs
    assert made.faults == ["The toy engine does not start; what needs it is not measured.", "unet.pth is missing."]


def test_clips_of_an_engine_that_takes_long_are_counted(tmp_path, monkeypatch):
    class Cost:
        stages: ClassVar = {"sampling": 30.0, "encoding": 10.0}

    slow = replace(TOY, name="slow", cheap_trial=False)
    monkeypatch.setattr("toy_engine.engine.SLOW", slow, raising=False)
    monkeypatch.setattr(ToyEngine, "cost_without_weights", lambda *asked: Cost())
    monkeypatch.setitem(registry.ENGINES, "slow", "toy_engine.engine:SLOW")
    made = measured(tmp_path, "slow")
    assert made.counted == {(5, 256): 40.0, (5, 320): 40.0}
    assert (made.runs, len(made.faults)) == (False, 1)


def test_what_was_not_run_is_on_the_line_of_what_was_and_marked():
    runs = [(5, Run(4.0, 6.0, 300)), (20, Run(10.0, 15.0, 310))]
    assert longer(runs, 60, 9.0) == Run(26.0, 39.0, 310, worked_out=True)
    assert longer(runs[:1], 20, 0.6) == Run(10.0, 15.0, 300, worked_out=True)
    (section,) = sections_of({(60, 512): longer(runs, 60, 0)}, fps=25)
    figures = {figure.name: figure for figure in section.figures}
    assert figures["clip_60_fps"].values == {"512": pytest.approx(1500 / 26)}
    assert figures["clip_60_cpu"].values == {"512": pytest.approx(0.65)}
    assert all(figure.worked_out == {"512"} for figure in section.figures)


def test_the_table_marks_what_is_worked_out_and_compares():
    now = Figure("a", "drawing", "ms of CPU", {"512": 10.0, "768": 30.0}, frozenset({"768"}))
    once = Figure("b", "start-up", "s of CPU", {EVERY_SIZE: 1.234})
    before = {"a": Figure("a", "", "", {"512": 20.0})}
    lines = table([Section("For each frame", [now, once])], ["512", "768", "1024"], before)
    assert lines[1:3] == ["", "For each frame"]
    assert lines[3].split() == ["drawing", "10", "(x0.50)", "~30", "-", "ms", "of", "CPU"]
    assert lines[4].split() == ["start-up", "1.23", "s", "of", "CPU"]


def test_columns_stand_below_each_other_in_chinese_too():
    figures = [Figure("a", title, unit, {"512": 1.0}) for title, unit in (parts.TITLES | clips.TITLES).values()]
    sections = [Section(title, figures) for title in parts.GROUPS]
    lines = [line for line in table(sections, ["512"], words=lambda text: translated(text, "zh")) if "   1" in line]
    assert len(lines) == len(figures) * len(sections)
    assert len({width(line.rpartition("   1   ")[0]) for line in lines}) == 1
    assert not any("CPU for" in line or "limit" in line for line in lines)


@pytest.mark.parametrize(
    "text",
    [None, "", "no json", "{}", '{"kind": "sonic-portrait bench"}', '{"kind": "sonic-portrait bench", "figures": 3}'],
)
def test_a_file_that_is_no_benchmark_is_refused_in_words(text, tmp_path, capsys):
    path = tmp_path / "before.json"
    if text is not None:
        path.write_text(text)
    assert cli.main(["bench", "--compare", str(path)]) == 2
    assert "bench --json > before.json" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_a_shell_of_any_system_has_written_is_read(encoding, tmp_path):
    made = benchmark.Benchmark("lite", {"processor": "any"}, [], [])
    (tmp_path / "before.json").write_text(f"{json.dumps(made.as_json())}\n", encoding=encoding)
    assert benchmark.read_earlier(tmp_path / "before.json").machine == {"processor": "any"}


def test_the_command_compares_with_what_it_printed_before(tmp_path, monkeypatch, capsys):
    seconds = iter((2.0, 1.0))

    def run(arguments, cache, given=""):
        if arguments[0] == "parts":
            asked = json.loads(given)
            answer = {"figures": {}, "counted": [], "faults": [], "runs": True}
            assert (json.loads(asked["job"])["engine"], asked["sizes"]) == ("toy", list(benchmark.SIZES))
            return Run(1.0, said=json.dumps(answer))
        assert arguments[-6:-2] == ("--engine", "toy", "--warmth", "0.9")
        assert Path(arguments[arguments.index("--audio") + 1]).exists()
        return Run(wall, 2 * wall, 100.0, "{}")

    for module in (clips, benchmark):
        monkeypatch.setattr(module, "run_measured", run)
    monkeypatch.setattr(clips, "write_speech", lambda seconds, path: path.touch())
    before = tmp_path / "before.json"
    for compared in ([], ["--compare", str(before)]):
        wall = next(seconds)
        assert cli.main(["bench", "--engine", "toy", "--warmth", "0.9", "--json", *compared]) == 0
        printed = capsys.readouterr()
        before.write_text(printed.out)
    answer = json.loads(printed.out)
    assert answer["figures"]["clip_5_fps"]["values"] == {"512": 125.0, "768": 125.0, "1024": 125.0}
    assert answer["ratios"]["clip_20_cpu"] == {"512": 0.5, "768": 0.5, "1024": 0.5}
    assert "125 (x2.00)" in printed.err


def test_options_are_typed_again_for_the_clips():
    import argparse

    parser = argparse.ArgumentParser()
    add_engine_choice(parser)
    given = ["--engine", "toy", "--warmth", "0.9", "--models-folder", "m"]
    assert typed(parser.parse_args(given)) == given
    assert typed(parser.parse_args([])) == ["--engine", registry.DEFAULT_ENGINE]


@pytest.mark.slow
def test_it_measures_this_machine(capsys):
    assert cli.main(["bench", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])["figures"]
    assert {"start_up", "listen", "set_up", "clip_5_fps"} <= set(figures)
