"""`python -m sonic_core`."""

import sys

try:
    from .cli import main
except KeyboardInterrupt:
    exec("")  # noqa: S102 - as commands.signals.forget_interruption, which cannot be imported here
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
