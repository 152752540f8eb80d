"""`python -m sonic_core`."""

import sys
from collections import namedtuple

try:
    from .cli import program
except KeyboardInterrupt:
    namedtuple("Nothing", ())  # as commands.signals.forget_interruption, which cannot be imported here
    sys.exit(130)

if __name__ == "__main__":
    program()
