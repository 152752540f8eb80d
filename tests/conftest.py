"""How every test runs: like a command of the command line; the slow ones only when they are asked for."""

from sonic_core.threads import prepare_process

# Before any test imports torch.
prepare_process()


def pytest_addoption(parser):
    parser.addoption("--runslow", action="store_true", help="Also run the tests that take minutes to hours.")


def pytest_configure(config):
    # pyproject.toml leaves the slow tests out.
    if config.getoption("--runslow") and config.getoption("markexpr") == "not slow":
        config.option.markexpr = ""
