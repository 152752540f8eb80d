"""Programs that speak and print when each sound ends: flite and festival."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from wave import open as open_wave

import numpy as np

from sonic_core.hearing.lip_reader import PHONES
from training.phones import FESTIVAL, Phone
from training.utterance import Speak, Speech, Utterance, at_16k, utterance


def flite(voice: str, pitch: float) -> Speak:
    """CMU Flite; `-psdur` prints phone ends, per chunk of the sentence.  pitch: Hz."""

    def speak(text: str, rng: random.Random) -> Utterance | None:
        stretch, hertz = rng.uniform(0.75, 1.2), pitch * rng.uniform(0.85, 1.25)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "a.wav"
            tuning = ["--setf", f"duration_stretch={stretch:.2f}", "--setf", f"int_f0_target_mean={hertz:.0f}"]
            command = ["flite", "-voice", voice, *tuning, "-t", text, "-o", str(path), "-psdur"]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            samples = _read_wave(path)
        phones, now, chunk = [], 0.0, 0.0
        for token in printed.split():
            name, end = token.rsplit(":", 1)
            if float(end) + chunk < now - 1e-3:
                chunk = now
            phones.append(Phone(_festival_phone(name), now, float(end) + chunk))
            now = float(end) + chunk
        return utterance(samples, phones, f"flite-{voice}", expected=now, tolerance=0.1)

    return speak


def festival(voice: str, names: dict[str, str] = FESTIVAL) -> Speak:
    """Festival; `utt.save.segs` writes phone ends."""

    def speak(text: str, rng: random.Random) -> Utterance | None:
        with TemporaryDirectory() as folder:
            wav, lab, script = (Path(folder) / n for n in ("a.wav", "a.lab", "a.scm"))
            script.write_text(
                f"(voice_{voice})\n(Parameter.set 'Duration_Stretch {rng.uniform(0.75, 1.2):.2f})\n"
                f'(set! u (Utterance Text "{text}"))\n(utt.synth u)\n'
                f'(utt.save.wave u "{wav}" \'riff)\n(utt.save.segs u "{lab}")\n'
            )
            subprocess.run(["festival", "-b", str(script)], capture_output=True, check=False)
            if not (wav.exists() and lab.exists()):
                return None
            samples, lines = _read_wave(wav), lab.read_text().splitlines()
        phones, now = [], 0.0
        for fields in (line.split() for line in lines):
            if len(fields) >= 3 and fields[0] != "#":
                phones.append(Phone(_festival_phone(fields[-1], names), now, float(fields[0])))
                now = float(fields[0])
        return utterance(samples, phones, f"festival-{voice}", expected=now, tolerance=0.15)

    return speak


def _festival_phone(name: str, names: dict[str, str] = FESTIVAL) -> str:
    name = name.strip()
    phone = names.get(name, name.upper())
    return phone if phone in PHONES else "SIL"


def _read_wave(path: Path) -> Speech:
    with open_wave(str(path), "rb") as file:
        return at_16k(np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate())
