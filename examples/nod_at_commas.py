"""A nod at each comma (short pause), beside the learned motion: python examples/nod_at_commas.py me.jpg hello.m4a hello.mp4"""

import sys

import numpy as np

from sonic_core import Job, Loaded, generate, load_audio, load_portrait
from sonic_core.engines.lite.engine import LiteEngine
from sonic_core.engines.lite.motion import SpeechMotion
from sonic_core.engines.lite.parameters import PARAMETER_INDEX, clamp


class NoddingMotion:
    nod = -7 * np.hanning(15)  # degrees of pitch over 0.6 s, chin down

    def __init__(self) -> None:
        self.speech = SpeechMotion.load()

    def listen(self, clip, frame_count, progress):  # once for each recording
        loud = np.array([part.mean() for part in np.array_split(np.abs(clip.mono()), frame_count)])
        quiet = loud < 0.15 * np.quantile(loud, 0.9)
        commas = [t for t in range(1, frame_count - 4) if quiet[t : t + 4].all() and not quiet[t - 1]]
        return self.speech.listen(clip, frame_count, progress), commas

    def move(self, heard, settings, progress):  # as often as settings change
        track = self.speech.move(heard[0], settings, progress).copy()  # [frames, parameters]
        for start in heard[1]:
            track[start : start + len(self.nod), PARAMETER_INDEX["pitch"]] += self.nod[: len(track) - start]
        return clamp(track)


def main(picture: str, recording: str, output: str) -> None:
    loaded = Loaded(LiteEngine(NoddingMotion()), load_portrait(picture), load_audio(recording))
    print(generate(Job(picture, recording, output), loaded).path)


if __name__ == "__main__":
    main(*sys.argv[1:])
