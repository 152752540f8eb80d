"""Networks that can be stopped in the middle, on a CPU and behind a GPU's queue."""

import pytest
import torch
from torch import nn

from sonic_core.runtime.stopping import Pace, StoppedError, StopSign, stoppable


class HereError(Exception):
    pass


def test_a_pass_stops_at_the_next_layer_and_leaves_no_hooks():
    network, looks = nn.Sequential(*(nn.Linear(2, 2) for _ in range(5))), []
    done = []
    network[1].register_forward_hook(lambda *_: done.append(1))
    network[2].register_forward_hook(lambda *_: done.append(2))

    def look():
        looks.append(1)
        if len(looks) == 3:
            raise HereError

    with pytest.raises(HereError), stoppable(network, look):
        network(torch.zeros(1, 2))
    assert done == [1]
    assert not any(layer._forward_pre_hooks for layer in network)


def test_nobody_looks_where_nobody_is_given():
    network = nn.Sequential(nn.Linear(2, 2))
    with stoppable(network, None):
        assert not network[0]._forward_pre_hooks


def test_a_gpu_is_waited_for_two_blocks_later_and_never_runs_dry():
    waited, recorded = [], []

    class Event:
        def __init__(self):
            self.number = len(recorded)
            recorded.append(self)

        def synchronize(self):
            waited.append(self.number)
            assert len(recorded) - self.number == 3  # two more are queued meanwhile

    pace = Pace(Event)
    for _ in range(6):
        pace()
    assert waited == [0, 1, 2, 3]


def test_a_sign_is_seen_by_whoever_looks():
    sign = StopSign()
    sign.look()
    sign.show()
    with pytest.raises(StoppedError):
        sign.look()
