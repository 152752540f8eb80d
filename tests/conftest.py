"""How every test runs: like a command of the command line; the slow ones only when they are asked for."""

import os
import signal

from sonic_core.threads import prepare_process

# Before any test imports torch.
prepare_process()
# A shell's `&` ignores SIGINT, and what is ignored stays so in every process started from there: nothing would stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Processes that tests start keep what they compile, as those of users do: 0.4 s of each further start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Some load ONNX Runtime themselves, before onnx_network.py tells it to keep to itself what it opens.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def pytest_addoption(parser):
    parser.addoption("--runslow", action="store_true", help="Also run the tests that take minutes to hours.")


def pytest_configure(config):
    # pyproject.toml leaves the slow tests out.
    if config.getoption("--runslow") and config.getoption("markexpr") == "not slow":
        config.option.markexpr = ""
