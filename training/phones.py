"""From what synthesisers call their sounds to one set of 40 phones (ARPAbet), chosen by what the lips do."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Phone:
    """A sound and when it is spoken, in seconds from the first sample."""

    phone: str
    start: float
    end: float


FESTIVAL = {
    "ax": "AH", "axr": "ER", "pau": "SIL", "h#": "SIL", "brth": "SIL", "ssil": "SIL", "#": "SIL", "dx": "T", "el": "L",
    "em": "M", "en": "N", "hv": "HH", "ix": "IH", "nx": "N", "ux": "UW",
}  # fmt: skip

# msu_ru_nsh_clunits; doubled letters are stressed or soft
RUSSIAN = {
    "pau": "SIL", "a": "AH", "aa": "AA", "e": "EH", "ee": "EH", "i": "IH", "ii": "IY", "y": "IH", "yy": "IH", "o": "OW",
    "oo": "OW", "u": "UW", "uu": "UW", "ae": "AH", "ay": "AH", "ur": "AH", "p": "P", "pp": "P", "b": "B", "bb": "B", "m": "M", "mm": "M",
    "f": "F", "ff": "F", "v": "V", "vv": "V", "t": "T", "tt": "T", "d": "D", "dd": "D", "n": "N", "nn": "N", "s": "S",
    "ss": "S", "z": "Z", "zz": "Z", "sh": "SH", "sch": "SH", "zh": "ZH", "ch": "CH", "c": "S", "k": "K", "kk": "K",
    "g": "G", "gg": "G", "h": "HH", "hh": "HH", "l": "L", "ll": "L", "r": "D", "rr": "D", "j": "Y",
}  # fmt: skip

# Rounded front vowels go to UW and UH, trills and taps to D: what counts is the mouth, not the ear.
_IPA = {
    "i": "IY", "ɪ": "IH", "ᵻ": "IH", "ɨ": "IH", "e": "EY", "ɛ": "EH", "æ": "AE", "a": "AA", "ɑ": "AA", "ɒ": "AO", "ɔ": "AO",
    "o": "OW", "ʊ": "UH", "u": "UW", "ʉ": "UW", "y": "UW", "ø": "UH", "œ": "UH", "ʏ": "UH", "ɯ": "IH", "ʌ": "AH", "ə": "AH",
    "ɐ": "AH", "ɤ": "AH", "ɚ": "ER", "ɜ": "AH", "ɝ": "ER", "p": "P", "b": "B", "m": "M", "f": "F", "ɸ": "F", "v": "V",
    "ʋ": "V", "β": "V", "t": "T", "ʈ": "T", "d": "D", "ɖ": "D", "n": "N", "ɳ": "N", "ɲ": "N", "k": "K", "q": "K", "c": "K",
    "x": "K", "χ": "K", "g": "G", "ɡ": "G", "ɟ": "G", "ɣ": "G", "ɰ": "G", "ʁ": "G", "ʀ": "G", "ŋ": "NG", "θ": "TH",
    "ð": "DH", "s": "S", "z": "Z", "ʃ": "SH", "ʂ": "SH", "ɕ": "SH", "ʒ": "ZH", "ʐ": "ZH", "ʑ": "ZH", "ç": "Y", "ʝ": "Y",
    "h": "HH", "ɦ": "HH", "ħ": "HH", "ʕ": "HH", "ʔ": "HH", "l": "L", "ɫ": "L", "ɭ": "L", "ʎ": "L", "ɹ": "R", "ɻ": "R",
    "ɽ": "D", "r": "D", "ɾ": "D", "j": "Y", "w": "W", "ʍ": "W", "ɥ": "W", "ʦ": "S", "ʣ": "Z", "ʨ": "CH", "ʥ": "JH",
    "ʧ": "CH", "ʤ": "JH", "ꭧ": "CH", "ᵊ": "AH",
}  # fmt: skip
_IPA_JOINED = {
    "aɪ": "AY", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW", "aʊ": "AW", "ɔɪ": "OY", "ɔø": "OY", "ɑu": "AW", "au": "AW", "ai": "AY",
    "ei": "EY", "ou": "OW", "tʃ": "CH", "dʒ": "JH", "tɕ": "CH", "dʑ": "JH", "ts": "S", "dz": "Z", "ts.": "CH", "s.": "SH", "i.": "IH",
    "iou": "OW", "ɯᵝ": "UH",
    "iə": "IY", "eə": "EH", "ɪə": "IH", "ʊə": "UH", "ɜɹ": "ER", "əɹ": "ER", "ph": "P", "th": "T", "kh": "K",
}  # fmt: skip
SHORTEST_SILENCE = 0.08
"""Seconds; a shorter gap between words does not bring the lips to rest and is given to the sound before it."""

_SILENT = set(" .,;:!?_-^$—…")
_MODIFIERS = set("ˈˌːˑʰʲ̩̪̞̝̃̆̈̊̚‍012345678→↓↗↘ᵝ~-") - {"ᵝ"}


def phones_from_ipa(symbols: list[tuple[str, float, float]], english: bool = False) -> list[Phone]:
    """Timed IPA symbols (text, start s, end s) -> phones; marks without a sound of their own lengthen what stands before them."""
    single = {**_IPA, "ɜ": "ER", "r": "R"} if english else _IPA
    parts: list[tuple[str, float, float]] = []
    for text, start, end in symbols:
        text = "".join(c for c in unicodedata.normalize("NFD", text.replace("ç", "ʝ")) if c not in _MODIFIERS)
        if text in _IPA_JOINED or len(text) <= 1:
            parts.append((text, start, end))
            continue
        width = (end - start) / len(text)
        parts += [(c, start + i * width, start + (i + 1) * width) for i, c in enumerate(text)]
    phones: list[Phone] = []
    i = 0
    while i < len(parts):
        text, start, end = parts[i]
        if i + 1 < len(parts) and parts[i + 1][0] not in ("", ".") and text + parts[i + 1][0] in _IPA_JOINED:
            i += 1
            text, end = text + parts[i][0], parts[i][2]
        i += 1
        phone = _IPA_JOINED.get(text) or single.get(text) or ("SIL" if text and set(text) <= _SILENT else None)
        too_short = phone == "SIL" and end - start < SHORTEST_SILENCE and phones
        if phone and not too_short:
            phones.append(Phone(phone, start, end))
        elif phones:
            phones[-1] = Phone(phones[-1].phone, phones[-1].start, end)
    return phones


def contiguous(phones: list[Phone], duration: float, shift: float = 0.0) -> list[Phone]:
    """The phones moved by `shift` s, cut to 0..duration, without gaps: silence fills them."""
    result: list[Phone] = []
    now = 0.0
    for p in phones:
        start, end = max(now, p.start + shift), min(duration, p.end + shift)
        if end - start < 1e-4:
            continue
        if start - now > 1e-4:
            result.append(Phone("SIL", now, start))
        result.append(Phone(p.phone, start, end))
        now = end
    if duration - now > 1e-4:
        result.append(Phone("SIL", now, duration))
    return result
