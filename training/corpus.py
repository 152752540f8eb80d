"""Text to speak: random words of a language by their frequency (wordfreq, Apache-2.0), in sentence-like runs with pauses.

Word salad serves lips better than prose: sounds meet across words in every combination, and one source covers all languages.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import partial
from itertools import islice

_SHAPES = {
    "ja": r"[ぁ-ゖァ-ヺー]{2,}",
    "zh": r"[一-鿿]+",
    "ru": r"[а-яё]+",
    "ko": r"[가-힣]+",
}


def sentences(language: str, seed: int) -> Iterator[str]:
    """Endless sentences of 5 to 16 words in `language` (ISO 639-1).  Mandarin comes as pinyin with tone numbers."""
    from wordfreq import get_frequency_dict

    rng = random.Random(f"{language}-{seed}")
    count = 60_000 if language == "ja" else 12_000
    shape = re.compile(_SHAPES.get(language, r"[^\W\d_]{2,}|[ai]"))
    table = {w: f for w, f in islice(get_frequency_dict(language).items(), count) if shape.fullmatch(w)}
    words = list(table)
    weights = [f**0.6 for f in table.values()]  # flatter than life: rare words have their turn
    spell = _pinyin if language == "zh" else partial(str)
    while True:
        chosen = [spell(w) for w in rng.choices(words, weights, k=rng.randint(5, 16))]
        text = chosen[0].capitalize()
        for word in chosen[1:]:
            text += rng.choices([" ", ", ", ". ", "? "], [0.88, 0.08, 0.03, 0.01])[0] + word
        yield text + rng.choices(".?!", [0.8, 0.12, 0.08])[0]


def _pinyin(word: str) -> str:
    from pypinyin import Style, lazy_pinyin

    return " ".join(lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True))
