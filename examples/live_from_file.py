"""Live from a file: its sound is pushed as a microphone's would be, frames come out in real time and are recorded.

python examples/live_from_file.py me.jpg hello.m4a live.mp4        # the page, with a microphone: python -m sonic_core live --help
"""

import sys
from pathlib import Path

from sonic_core import Job, LiveSession, Recording, Settings, load_audio, load_portrait


def main(picture: str, recording: str, output: str, size: int = 512) -> None:
    portrait, sound = load_portrait(picture), load_audio(recording)
    with LiveSession(portrait, Settings(min_resolution=size)) as session:
        recorder = Recording(Job(None, None, Path(output)), portrait.digest).begin(session, print)
        step, place = sound.rate // 25, 0  # 40 ms at a time, as it would come from a microphone
        for frame in session:  # waits until each frame is due
            recorder.add(frame)  # show(frame.image) and play(frame.audio) here
            if place < sound.samples.shape[1]:
                session.push_audio(sound.samples[:, place : place + step], sound.rate)
                place += step
                if place >= sound.samples.shape[1]:
                    session.end_of_speech()
            elif frame.through >= session.pushed and not frame.speaking:
                break
        recorder.finish()
        recorder.join()
        print(session.stats)


if __name__ == "__main__":
    main(*sys.argv[1:])
