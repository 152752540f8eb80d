"""Make speech with exact phone times: one folder per voice, `NNNNN.wav` (16 kHz mono) and `NNNNN.json` per sentence.

Resumable: sentences that are there already are not spoken again; every sentence has its own seed.  Voices and minutes are the table below.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import numpy as np

from training import neural_voices, voices
from training.corpus import sentences
from training.espeak import Espeak
from training.phones import RUSSIAN, Phone
from training.utterance import RATE, Speak, Utterance


@dataclass(frozen=True)
class Source:
    """A voice in a language and how much of it is wanted."""

    language: str
    minutes: float
    voice: Callable[[Espeak], Speak]


def _espeak(*accents: str) -> Callable[[Espeak], Speak]:
    return lambda espeak: espeak.speaking(*accents)


SOURCES = {
    "flite-slt": Source("en", 20, lambda _: voices.flite("slt", 170)),
    "flite-rms": Source("en", 20, lambda _: voices.flite("rms", 105)),
    "flite-awb": Source("en", 20, lambda _: voices.flite("awb", 130)),
    "flite-kal16": Source("en", 12, lambda _: voices.flite("kal16", 105)),
    "espeak-en": Source("en", 25, _espeak("en-us", "en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-us-nyc")),
    "espeak-es": Source("es", 8, _espeak("es", "es-419")),
    "espeak-de": Source("de", 8, _espeak("de")),
    "espeak-fr": Source("fr", 8, _espeak("fr")),
    "espeak-zh": Source("zh", 8, _espeak("cmn-latn-pinyin")),
    "espeak-ja": Source("ja", 8, _espeak("ja")),
    "espeak-it": Source("it", 5, _espeak("it")),
    "espeak-pt": Source("pt", 5, _espeak("pt-br", "pt")),
    "espeak-ru": Source("ru", 5, _espeak("ru")),
    "espeak-ko": Source("ko", 5, _espeak("ko")),
    "festival-ked": Source("en", 15, lambda _: voices.festival("ked_diphone")),
    "festival-slt-hts": Source("en", 10, lambda _: voices.festival("cmu_us_slt_arctic_hts")),
    "festival-ru": Source("ru", 10, lambda _: voices.festival("msu_ru_nsh_clunits", RUSSIAN)),
    "piper-joe": Source("en", 45, neural_voices.piper_joe),
    "kokoro-en": Source("en", 25, lambda espeak: neural_voices.kokoro(espeak, "en-us")),
    "kokoro-es": Source("es", 8, lambda espeak: neural_voices.kokoro(espeak, "es")),
    "kokoro-ja": Source("ja", 8, lambda espeak: neural_voices.kokoro(espeak, "ja")),
    "kokoro-zh": Source("zh", 8, lambda espeak: neural_voices.kokoro(espeak, "cmn-latn-pinyin")),
    "kokoro-de": Source("de", 6, lambda espeak: neural_voices.kokoro(espeak, "de")),
    "kokoro-fr": Source("fr", 6, lambda espeak: neural_voices.kokoro(espeak, "fr-fr")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sources", default=",".join(SOURCES), help="comma-separated; default: all")
    parser.add_argument("--scale", type=float, default=1.0, help="times the minutes of the table")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first sentence; 100000 and up are for evaluation"
    )
    args = parser.parse_args()
    espeak = Espeak()
    for name in args.sources.split(","):
        source = SOURCES[name]
        folder = args.out / name
        folder.mkdir(parents=True, exist_ok=True)
        started, minutes, made = time.monotonic(), 0.0, 0
        for spoken in _spoken(folder, source, espeak, name, args.first):
            minutes, made = minutes + spoken / 60, made + 1
            if minutes >= source.minutes * args.scale:
                break
        print(f"{name}: {made} sentences, {minutes:.1f} min, {time.monotonic() - started:.0f} s", flush=True)


def _spoken(folder: Path, source: Source, espeak: Espeak, name: str, first: int) -> Iterator[float]:
    """Seconds of each sentence, made now or found on disk."""
    speak: Speak | None = None
    texts = sentences(source.language, seed=sum(map(ord, name)) + first)
    for index, text in zip(count(first), texts):
        path = folder / f"{index:06d}.json"
        if path.exists():
            yield json.loads(path.read_text())["duration"]
            continue
        speak = speak or source.voice(espeak)
        utterance = speak(text, random.Random(f"{name}-{index}"))
        if utterance:
            _write(path, utterance, text, source.language)
            yield len(utterance.samples) / RATE


def _write(path: Path, utterance: Utterance, text: str, language: str) -> None:
    with wave.open(str(path.with_suffix(".wav")), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(utterance.samples.astype("<i2").tobytes())
    phones = [asdict(p) for p in utterance.phones]
    for p in phones:
        p["start"], p["end"] = round(p["start"], 4), round(p["end"], 4)
    about = {
        "speaker": utterance.speaker,
        "language": language,
        "text": text,
        "duration": len(utterance.samples) / RATE,
    }
    path.write_text(json.dumps({**about, "labelled": True, "phones": phones}, ensure_ascii=False))


def load(path: Path) -> tuple[np.ndarray, list[Phone]]:
    """A sentence written by this command: int16 samples at 16 kHz, phones."""
    with wave.open(str(path.with_suffix(".wav")), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples, [Phone(**p) for p in json.loads(path.read_text())["phones"]]


if __name__ == "__main__":
    main()
