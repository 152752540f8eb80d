"""What the tests of nodes look at: a written video, its first frame, the bundled samples' figures."""

import wave
from types import SimpleNamespace

import av
from pack_loading import ROOT, SAMPLES

STATUE = ROOT / "tests" / "golden" / "portraits" / "statue.webp"
FRAMES = 50  # two seconds at 25 fps
with wave.open(str(SAMPLES / "speech.wav")) as sample:
    RATE = sample.getframerate()


def video(path):
    """Frames, size, seconds of picture and sound, and tags of an mp4."""
    with av.open(str(path)) as container:
        picture, sound = container.streams.video[0], next(iter(container.streams.audio), None)
        return SimpleNamespace(
            size=(picture.width, picture.height),
            rate=sound and sound.rate,
            seconds=float(picture.duration * picture.time_base),
            heard=sound and float(sound.duration * sound.time_base),
            tags=dict(container.metadata),
            frames=sum(1 for _ in container.decode(picture)),
        )


def errors(pack):
    return pack.part("sonic_core.errors")


def first_frame(path):
    with av.open(path) as container:
        return next(container.decode(video=0)).to_ndarray(format="gray")


class Several(list):
    """A list that goes from node to node as ComfyUI's output lists do."""
