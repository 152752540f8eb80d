"""Progress and cancel: a line that counts, and a limit of time after which nothing half-made is left.

python examples/progress_and_cancel.py me.jpg hello.m4a hello.mp4 60
"""

import sys
import time

from sonic_core import Job, Settings, generate


class TooLongError(Exception):
    """Ours: it comes out of `generate` as it is."""


def main(picture: str, recording: str, output: str, seconds: str = "60", size: int = 0) -> bool:
    end = time.monotonic() + float(seconds)

    def progress(stage: str, done: int, total: int, preview=None) -> None:
        print(f"\r{stage}: {done} of {total}        ", end="", flush=True)
        if time.monotonic() > end:
            raise TooLongError

    try:
        made = generate(Job(picture, recording, output, Settings(min_resolution=size)), progress=progress)
    except TooLongError:
        print("\nStopped; no file was written.")
        return False
    print(f"\n{made.path}")
    return True


if __name__ == "__main__":
    sys.exit(not main(*sys.argv[1:]))
