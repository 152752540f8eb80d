"""What the mouth should do for given phones: coarticulated curves by the dominance model of Cohen and Massaro (1993).

Each phone pulls a channel towards its target with a dominance that fades exponentially outside the phone; the curve is the
dominance-weighted mean.  Lip closures start before and end after the sound (Löfqvist and Gracco 1997): their flanks take about 65 ms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sonic_core.curves import gaussian
from sonic_core.hearing.lip_reader import PHONES
from training.phones import Phone

RATE = 200
"""Values per second of every curve here."""

Table = dict[str, tuple[float, float, float]]
"""phone -> target at its start, target at its end (diphthongs move), dominance."""


def _steady(*groups: tuple[str, float, float]) -> Table:
    return {phone: (target, target, dominance) for phones, target, dominance in groups for phone in phones.split()}


# Opening between the lips, 1 = a wide "ah".
APERTURE: Table = {
    **_steady(
        ("AA", 1, 2), ("AE", 0.9, 2), ("AH", 0.65, 1.5), ("AO", 0.75, 2), ("EH", 0.7, 2), ("ER UH", 0.4, 1.5), ("IH", 0.45, 1.5),
        ("IY", 0.35, 2), ("UW", 0.25, 2), ("P B M", 0, 10), ("F V", 0.08, 4), ("W", 0.15, 3), ("TH", 0.25, 1), ("DH", 0.25, 0.8),
        ("S Z", 0.2, 2), ("SH ZH CH JH", 0.25, 2), ("T D N R Y", 0.3, 1), ("L", 0.4, 0.8), ("K G NG", 0.4, 0.5), ("HH", 0.5, 0.2),
        ("SIL", 0, 3),
    ),
    "AW": (0.95, 0.4, 2), "AY": (0.95, 0.45, 2), "EY": (0.6, 0.4, 2), "OW": (0.65, 0.35, 2), "OY": (0.7, 0.4, 2),
}  # fmt: skip

# 1 = fully rounded, -1 = spread.
ROUNDING: Table = {
    **_steady(
        ("UW", 1, 3), ("W", 1, 4), ("AO UH", 0.6, 2), ("ER", 0.3, 1.5), ("R", 0.4, 1.5), ("SH ZH CH JH", 0.5, 2), ("IY", -1, 3),
        ("IH", -0.5, 1.5), ("EH AE", -0.6, 2), ("S Z", -0.4, 1), ("Y", -0.8, 2), ("AA SIL", 0, 2), ("AH", 0, 1),
    ),
    "OW": (0.6, 0.9, 3), "OY": (0.8, -0.4, 3), "AW": (-0.2, 0.6, 2), "EY": (-0.7, -0.9, 3), "AY": (-0.2, -0.7, 2),
}  # fmt: skip

_VOWELS = {"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"}
BILABIAL = {"P": 0.6, "B": 0.8, "M": 1.0}
"""Share of the label during which the lips are closed; after it a plosive is released."""


def curve(phones: Sequence[Phone], duration: float, table: Table, sigma: float = 0.015) -> NDArray[np.float32]:
    """One channel `[ceil(duration * 200) + 1]`.  sigma: s, of the final Gaussian smoothing.

    Reaches of dominance outside the phone: vowels 45 ms, consonants 30 ms, bilabials 20 ms, silence 60 ms.
    """
    count = int(np.ceil(duration * RATE)) + 1
    time = np.arange(count) / RATE
    weighted, total = np.zeros(count), np.full(count, 1e-6)
    for p in phones:
        first, last, dominance = table.get(p.phone, (0.0, 0.0, 0.3))
        end = p.start + BILABIAL.get(p.phone, 1.0) * (p.end - p.start)
        if p.phone in _VOWELS:
            dominance *= min(1.0, (end - p.start) / 0.09)
        reach = 0.06 if p.phone == "SIL" else 0.045 if p.phone in _VOWELS else 0.02 if p.phone in BILABIAL else 0.03
        low, high = max(0, int((p.start - 6 * reach) * RATE)), min(count, int((end + 6 * reach) * RATE) + 2)
        t = time[low:high]
        distance = np.maximum(0, np.maximum(p.start - t, t - end))
        weight = dominance * np.exp(-distance / reach)
        along = np.clip((t - p.start) / max(end - p.start, 1e-3), 0, 1)
        weighted[low:high] += weight * (first + (last - first) * along)
        total[low:high] += weight
    return gaussian(weighted / total, sigma * RATE, reach=4).astype(np.float32)


def closure(phones: Sequence[Phone], duration: float) -> NDArray[np.float32]:
    """1 where a bilabial holds the lips together, else 0, at 200 Hz."""
    return _spans(
        [(p.start, p.start + BILABIAL[p.phone] * (p.end - p.start)) for p in phones if p.phone in BILABIAL], duration
    )


def phone_ids(phones: Sequence[Phone], duration: float) -> NDArray[np.int64]:
    """Index into PHONES at 200 Hz."""
    ids = np.zeros(int(np.ceil(duration * RATE)) + 1, np.int64)
    for p in phones:
        ids[round(p.start * RATE) : round(p.end * RATE)] = PHONES.index(p.phone)
    return ids


def _spans(spans: list[tuple[float, float]], duration: float) -> NDArray[np.float32]:
    values = np.zeros(int(np.ceil(duration * RATE)) + 1, np.float32)
    for start, end in spans:
        low = round(start * RATE)
        values[low : max(low + 1, round(end * RATE))] = 1
    return values
