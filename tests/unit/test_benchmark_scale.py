"""The simulation behind docs/scale.md, where its answer is known."""

import pytest

from tests.benchmarks import scale


@pytest.fixture
def never(monkeypatch):
    monkeypatch.setattr(scale, "CRASHES", 0.0)
    monkeypatch.setattr(scale, "DEATHS_PER_HOUR", 1e-12)


def test_without_faults_time_is_rounds_of_clips(never):
    outcome = scale.simulate(scale.Service(start=3.0, clip=40.0, spread=0.0), 4, 8, clips=1000)
    assert outcome.hours == pytest.approx((3 + 32 * 40) / 3600)  # 1000 clips on 32 workers: 32 rounds
    assert (outcome.again, outcome.failed) == (0, 0)


def test_crashes_take_a_second_try_and_then_fail(never, monkeypatch):
    monkeypatch.setattr(scale, "CRASHES", 0.5)
    outcome = scale.simulate(scale.Service(3.0, 40.0, 0.0), 4, 8, clips=4000)
    assert outcome.again == pytest.approx(2000, rel=0.1)
    assert outcome.failed == pytest.approx(1000, rel=0.15)


def test_dead_machines_cost_time_and_no_clip(never, monkeypatch):
    monkeypatch.setattr(scale, "DEATHS_PER_HOUR", 1.0)
    outcome = scale.simulate(scale.Service(3.0, 40.0, 0.0), 4, 8, clips=4000)
    assert outcome.again > 8
    assert outcome.failed == 0
    assert outcome.busy < 0.95
