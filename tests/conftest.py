"""How every test runs: like a command of the command line; the slow ones only when they are asked for."""

import pytest

from sonic_core.cli import prepare_process

# Before any test imports torch.
prepare_process()


def pytest_addoption(parser):
    parser.addoption("--runslow", action="store_true", help="Also run the tests that take minutes to hours.")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--runslow") or "slow" in config.getoption("markexpr"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow; run with --runslow, or only these with -m slow"))
