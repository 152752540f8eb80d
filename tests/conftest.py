"""How every test runs: like a command of the command line."""

from sonic_core.cli import prepare_process

# Before any test imports torch.
prepare_process()
