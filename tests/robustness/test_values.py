"""Values of every kind where others are expected: settings, jobs, options of the command line, rows of tables. A result or a SonicError.

The same values at every run; `--runslow` tries a thousand times as many, other ones each time.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from commands import EXIT_CODES, OUR_ERRORS
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from sonic_core import cli
from sonic_core.errors import SettingsError, SonicError
from sonic_core.job import Job
from sonic_core.job_json import job_from_json, job_from_values, job_to_json
from sonic_core.jobs.ledger import Ledger
from sonic_core.jobs.plan import check
from sonic_core.jobs.table import Row, read_rows
from sonic_core.settings import Settings

FEW, MANY = 100, 100_000
CALM = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
SAMPLES = Path(__file__).parents[2] / "sonic_core" / "samples"

names = st.sampled_from([item.name for item in fields(Job)] + [item.name for item in fields(Settings)])
odd_texts = st.sampled_from(
    [
        "",
        "\0",
        "\ud800",
        "nan",
        "-inf",
        "1e999",
        "9" * 5000,
        "../" * 40,
        "a" * 5000,
        "%03d.png",
        "http://x/y",
        "\x1b[2J",
        "\u202e",
    ]
)
numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 2**63, 2**64, 10**400, 1e308, -0.0]),
    st.decimals(allow_nan=True),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), odd_texts)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | names, inner, max_size=4)
)
job_like = st.dictionaries(names, anything | st.dictionaries(names, anything, max_size=4), max_size=6)


def fuzzed(*strategies):
    """The test with values of these kinds: a few that are always the same, and as a slow test many."""

    def decorate(test: Callable) -> Callable:
        quick = tried(max_examples=FEW, derandomize=True, deadline=None, database=None, suppress_health_check=CALM)
        long = tried(max_examples=MANY, deadline=None, database=None, suppress_health_check=CALM, phases=PHASES)

        @pytest.mark.parametrize("how", [quick, pytest.param(long, marks=pytest.mark.slow)], ids=["few", "many"])
        def run(how):
            how(given(*strategies)(test))()

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate


PHASES = (Phase.generate, Phase.shrink)


@fuzzed(st.dictionaries(st.sampled_from([item.name for item in fields(Settings)]), anything | numbers, max_size=4))
def test_settings_are_taken_or_refused(values):
    with contextlib.suppress(SettingsError):
        made = Settings(**values)
        assert all(getattr(made, name) == value for name, value in values.items())
        assert made == Settings(**values)


@fuzzed(anything | job_like)
def test_a_job_file_is_read_or_refused(values):
    text = json.dumps(values)
    with contextlib.suppress(SonicError):
        made = job_from_json(text)
        assert job_from_json(job_to_json(made)) == made


@fuzzed(anything | job_like)
def test_values_of_a_job_are_taken_or_refused(values):
    with contextlib.suppress(SonicError):
        assert isinstance(job_from_values(values), Job)


@fuzzed(st.text(alphabet=st.sampled_from('{}[]":,0123456789eE+-. ntrfalsu\\"\0\ud800'), max_size=60) | st.text())
def test_any_text_as_a_job_is_read_or_refused(text):
    with contextlib.suppress(SonicError):
        job_from_json(text)


cells = st.text(max_size=12) | odd_texts | st.sampled_from(["image", "audio", "output", "seed", "1", "picture"])
tables = st.lists(st.lists(cells, max_size=5), max_size=5)


@fuzzed(tables, st.sampled_from(",;\t|"), st.sampled_from(["utf-8", "utf-16", "gb18030"]))
def test_a_table_of_any_cells_is_read_or_refused(table, delimiter, encoding):
    text = "\r\n".join(delimiter.join(row) for row in table)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clips.csv"
        path.write_bytes(text.encode(encoding, "replace"))
        with contextlib.suppress(SonicError):
            assert all(isinstance(row, Row) for row in read_rows(path))


@fuzzed(st.lists(anything | job_like, max_size=3), st.sampled_from([".jsonl", ".json"]))
def test_a_table_of_any_values_is_read_or_refused(entries, suffix):
    text = json.dumps(entries) if suffix == ".json" else "\n".join(map(json.dumps, entries))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"clips{suffix}"
        path.write_text(text)
        with contextlib.suppress(SonicError):
            assert all(isinstance(row, Row) for row in read_rows(path))


@pytest.mark.parametrize(
    "text", ["9" * 5000, '{"image": ' + "1" * 5000 + "}", "[" * 100_000, '{"a": "\\ud800"}', "\ufeff{}", "NaN"]
)
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv"])
def test_hard_tables_are_read_or_refused(tmp_path, text, suffix):
    path = tmp_path / f"clips{suffix}"
    path.write_text(text)
    with contextlib.suppress(SonicError):
        list(read_rows(path))


columns = st.sampled_from(["image", "audio", "output", "seed", "duration", "engine", "framing", "face_box", "nonsense"])


@fuzzed(st.lists(st.dictionaries(columns, anything | numbers, max_size=5), max_size=3))
def test_rows_of_a_batch_are_planned_or_told(rows):
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(SonicError):
        files = {"image": str(SAMPLES / "portrait.png"), "audio": str(SAMPLES / "speech.wav")}
        with contextlib.closing(Ledger(Path(folder))) as ledger:
            check([Row(i + 1, files | row) for i, row in enumerate(rows)], ledger, {}, Path(folder))


COMMANDS = {
    "generate": ("--image", "--audio", "--output", "--duration", "--min-resolution", "--seed", "--crf", "--output-fps", "--face-box",
                 "--aspect", "--audio-kbps", "--background", "--image-frame", "--smooth-strength", "--label-text"),
    "motion": ("--audio", "--output", "--duration", "--seed", "--emotion", "--motion-scale"),
    "align": ("--output", "--method", "--tolerance-ms"),
    "interpolate": ("--fps", "--output", "--crf"),
    "report": ("--output",),
    "inspect": ("--image", "--audio"),
    "batch": ("--images", "--audio", "--output", "--workers"),
    "convert": ("--models-folder",),
    "sheet": ("--image", "--output", "--face-index"),
}  # fmt: skip
words = st.text(max_size=12) | odd_texts | numbers.map(str)


@st.composite
def command_lines(draw):
    """A command with some of its options, each with whatever value."""
    command = draw(st.sampled_from(sorted(COMMANDS)))
    line = [command]
    for option in draw(st.lists(st.sampled_from(COMMANDS[command]), max_size=4)):
        line += [option, draw(words)]
    return line + draw(st.lists(words, max_size=2))


@fuzzed(command_lines())
@example(["motion", "--audio", "\0", "--output", "a.json"])
@example(["inspect", "\ud800"])
@example(["align", "a" * 5000])
def test_a_command_line_of_any_values_is_obeyed_or_refused(line):
    out, said, before = io.StringIO(), io.StringIO(), Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        os.chdir(folder)
        try:
            code = cli.main([*line, "--json"])
        except SystemExit as left:
            code = left.code
        finally:
            os.chdir(before)
    assert code in EXIT_CODES, said.getvalue()
    assert "Traceback" not in said.getvalue()
    if code and out.getvalue():
        assert json.loads(out.getvalue().splitlines()[-1])["error"] in OUR_ERRORS, out.getvalue()
