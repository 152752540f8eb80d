"""An engine of your own, known by a name: here a lamp that grows brighter with the sound (docs/add_an_engine.md explains it).

python examples/custom_engine.py lamp.jpg hello.wav lamp.mp4        # in a checkout: the engine lies in tests/toy_engine
"""

import sys
from pathlib import Path

from sonic_core import Job, Settings, generate
from sonic_core.engines import registry

sys.path.append(str(Path(__file__).parents[1] / "tests"))


def main(picture: str, recording: str, output: str) -> None:
    registry.ENGINES["toy"] = "toy_engine.engine:TOY"  # module:declaration; nothing is imported before it is used
    options = {"warmth": 0.9, "bulb": "flame"}
    made = generate(Job(picture, recording, output, Settings(min_resolution=256), engine="toy", options=options))
    print(made.path, made.frames)


if __name__ == "__main__":
    main(*sys.argv[1:])
