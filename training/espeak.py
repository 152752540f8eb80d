"""espeak-ng, which says when each phoneme is spoken and what the phonemes of a text are."""

from __future__ import annotations

import ctypes
import random
import re

import numpy as np
from numpy.typing import NDArray

from training.phones import Phone, phones_from_ipa
from training.utterance import RATE, Speak, Speech, Utterance, at_16k, utterance

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
            samples = at_16k(samples, self._rate)
            phones = _closures_given_back(phones_from_ipa(symbols, accent.startswith("en")), samples)
            return utterance(samples, phones, f"espeak-{voice}")

        return speak


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
