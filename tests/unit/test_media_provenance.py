"""Provenance: every file says how it was made, and `inspect` notices when that does not hold."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from media_samples import chirp, flat, moving_picture

from sonic_core import cli
from sonic_core.engines.registry import credits_of
from sonic_core.engines.sonic.files import SONIC_FILES
from sonic_core.media.probe import probe
from sonic_core.media.provenance import AIGC_FIELDS, KEYS, Credit, Provenance, audio_digest
from sonic_core.media.provenance_check import check_provenance, own_tags
from sonic_core.media.writer import write_video

MADE = Provenance(
    "示例公司",
    "lite",
    (Credit("a model", "MIT"),),
    2**64 - 1,
    {"framing": "full", "seed": 2**64 - 1},
    "a" * 64,
    "b" * 64,
)


def failed(video, **given):
    return [check.subject for check in check_provenance(video, **given) if not check.holds]


@pytest.fixture
def video(tmp_path):
    return probe(write_video(moving_picture(0.4), chirp(0.4), tmp_path / "a.mp4", metadata=MADE.tags()))


def test_every_key_comes_back_from_the_file_as_it_was_written(video):
    assert own_tags(video.metadata) == MADE.tags()
    assert list(MADE.tags()) == list(KEYS)


def test_aigc_has_exactly_the_seven_fields_in_order():
    record = json.loads(MADE.aigc())
    assert tuple(record) == AIGC_FIELDS
    assert (record["Label"], record["ContentProducer"]) == ("1", "示例公司")


def test_the_same_clip_has_the_same_number_and_another_has_another():
    assert replace(MADE).content_number == MADE.content_number
    others = [replace(MADE, seed=1), replace(MADE, image_sha256="c" * 64), replace(MADE, settings={}), Provenance()]
    assert len({MADE.content_number, *(other.content_number for other in others)}) == 5


def test_what_is_not_known_is_left_out():
    assert set(KEYS) - set(Provenance().tags()) == {
        "engine",
        "models",
        "seed",
        "settings",
        "image_sha256",
        "audio_sha256",
    }


def test_a_whole_file_passes_every_check(video):
    assert failed(video, images=["a" * 64], recordings=["x", "b" * 64]) == []


def test_another_picture_or_recording_is_noticed(video):
    assert failed(video, images=["c" * 64], recordings=["d" * 64]) == ["image_sha256 matches", "audio_sha256 matches"]


@pytest.mark.parametrize(
    "aigc",
    [
        "no json",
        "[]",
        json.dumps(dict.fromkeys(AIGC_FIELDS[:-1], "1")),
        json.dumps(dict.fromkeys((*AIGC_FIELDS, "More"), "1")),
        json.dumps({**json.loads(MADE.aigc()), "Label": "2"}),
        json.dumps({**json.loads(MADE.aigc()), "ProduceID": ""}),
        json.dumps({**json.loads(MADE.aigc()), "ReservedCode1": 5}),
        json.dumps({**json.loads(MADE.aigc()), "ReservedCode2": "x" * 300}),
    ],
)
def test_a_changed_aigc_record_is_noticed(video, aigc):
    assert failed(replace(video, metadata={**video.metadata, "AIGC": aigc})) == ["AIGC"]


@pytest.mark.parametrize("key", ["ai_generated", "digital_source_type", "AIGC", "generator"])
def test_a_missing_mark_is_noticed(video, key):
    rest = {name: value for name, value in video.metadata.items() if name != key}
    assert failed(replace(video, metadata=rest)) == [key]


def test_damaged_values_are_noticed(video):
    wrong = {"seed": "-1", "settings": "{", "models": "x", "image_sha256": "A" * 64}
    subjects = failed(replace(video, metadata={**video.metadata, **wrong}))
    assert subjects == ["models", "settings", "seed", "image_sha256 is a hash"]


def test_sound_that_ends_late_is_noticed(video):
    assert failed(replace(video, audio_duration=video.duration + 0.1)) == ["picture and sound end together"]


def test_audio_digest_tells_samples_rates_and_channels_apart():
    clip = chirp(0.1, 8_000, 2)
    nudged = clip.samples.copy()
    nudged[1, 5] += 1e-7
    others = [
        replace(clip, rate=16_000),
        replace(clip, samples=nudged),
        replace(clip, samples=clip.samples.reshape(1, -1)),
    ]
    assert len({audio_digest(other) for other in (clip, *others)}) == 4
    assert audio_digest(replace(clip, samples=np.asfortranarray(clip.samples), name="other")) == audio_digest(clip)


def test_credits_name_every_file_of_the_sonic_engine_with_its_licence():
    licences = {credit.name.split(": ")[-1]: credit.licence for credit in credits_of("sonic")}
    assert {file.key: file.licence for file in SONIC_FILES}.items() <= licences.items()


def test_inspect_says_that_an_unmarked_file_is_unmarked(tmp_path, capsys):
    path = write_video(flat((9, 9, 9)), None, tmp_path / "a.mp4")
    assert cli.main(["inspect", str(path)]) == 0
    assert "nothing in this file says that it is synthetic" in capsys.readouterr().out
