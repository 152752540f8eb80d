"""The settings refuse what no engine could use and say which setting it is."""

from __future__ import annotations

from dataclasses import fields

import pytest

from sonic_core.errors import SettingsError
from sonic_core.settings import Settings


@pytest.mark.parametrize(
    "item", [item for item in fields(Settings) if item.metadata["low"] is not None], ids=lambda item: item.name
)
def test_numbers_end_at_their_limits(item):
    low, high = item.metadata["low"], item.metadata["high"]
    kind = type(item.default)
    for value in (kind(low), kind(high)):
        assert getattr(Settings(**{item.name: value}), item.name) == value
    for value in (kind(low) - 1, kind(high) + 1):
        with pytest.raises(SettingsError, match=item.name):
            Settings(**{item.name: value})


@pytest.mark.parametrize(
    "wrong",
    [{"seed": 1.5}, {"face_index": 0.5}, {"min_resolution": "512"}, {"motion_scale": None}, {"style": ["auto"]},
     {"duration": float("nan")}, {"framing": "wide"}],
    ids=str,
)  # fmt: skip
def test_a_wrong_value_names_its_setting(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Settings(**wrong)


def test_a_whole_number_will_do_for_a_length():
    assert Settings(duration=3).duration == 3


def test_few_steps_are_noted():
    assert Settings().notes == ()
    assert "inference_steps is 9" in Settings(inference_steps=9).notes[0]
