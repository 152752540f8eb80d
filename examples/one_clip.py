"""One clip from Python: picture and recording in, video out.

python examples/one_clip.py me.jpg hello.m4a hello.mp4
"""

import sys

from sonic_core import Job, Settings, generate


def main(picture: str, recording: str, output: str, **settings: object) -> None:
    made = generate(Job(picture, recording, output, Settings(**settings)))
    print(f"{made.path}: {made.frames} frames, {made.duration:.2f} s")
    for sentence in (*made.notes, *made.warnings):  # what was adjusted, what the clip does not do well
        print("-", sentence)


if __name__ == "__main__":
    main(*sys.argv[1:])
