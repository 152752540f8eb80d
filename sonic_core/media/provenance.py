"""Provenance: what a finished file says about its own making, readable by machines, written always.

Keys and values follow IPTC's digital source types, and China's "Measures for Labelling AI-Generated Synthetic Content" with
GB 45438-2025 (the `AIGC` record of exactly seven fields).  Nothing here or elsewhere in this package takes labels out of a file.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..audio.clip import AudioClip
from ..audio.store import blocks_of
from ..credit import Credit
from ..version import __version__

GENERATOR = f"sonic-portrait {__version__}"
PRODUCER = "sonic-portrait"
COMMENT = "AI-generated talking-head video"
# The plainest of IPTC's terms for media made by a trained model (https://cv.iptc.org/newscodes/digitalsourcetype/): every reader knows it.
DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
AIGC_FIELDS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
LONGEST_VALUE = 256  # characters of an AIGC field; our own are under 64
IS_GENERATED = "1"  # AIGC Label: 1 = generated, 2 = possibly, 3 = suspected
KEYS = (
    "comment",
    "generator",
    "ai_generated",
    "digital_source_type",
    "AIGC",
    "engine",
    "models",
    "seed",
    "settings",
    "image_sha256",
    "audio_sha256",
)
CONTENT_NUMBERS = uuid.UUID("6f0e2c1a-6a0b-5a5e-9d5e-2f3f5b7c9d10")  # namespace of our name-based UUIDs


@dataclass(frozen=True)
class Provenance:
    """How a clip was made; what is not known stays empty and is left out of the file.

    producer: name or code of whoever provides the service (`ContentProducer`).  settings: the user's choices, JSON values.
    image_sha256: `Portrait.digest`.  audio_sha256: `audio_digest` of the recording as it was given.
    """

    producer: str = PRODUCER
    engine: str = ""
    models: tuple[Credit, ...] = ()
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    image_sha256: str = ""
    audio_sha256: str = ""

    @property
    def content_number(self) -> str:
        """A UUID made from all that determines the clip (RFC 9562, version 5): the same clip made again has the same number."""
        parts = [GENERATOR, self.producer, self.engine, self.seed, dict(self.settings)]
        name = json.dumps([*parts, self.image_sha256, self.audio_sha256], sort_keys=True, ensure_ascii=False)
        return str(uuid.uuid5(CONTENT_NUMBERS, name))

    def aigc(self) -> str:
        """The seven-field record as JSON."""
        values = (IS_GENERATED, self.producer, self.content_number, "", "", "", "")
        return json.dumps(dict(zip(AIGC_FIELDS, values, strict=True)), ensure_ascii=False)

    def tags(self) -> dict[str, str]:
        """Metadata of the file, in the order of KEYS."""
        models = [{"name": credit.name, "licence": credit.licence} for credit in self.models]
        values = (
            COMMENT,
            GENERATOR,
            "true",
            DIGITAL_SOURCE_TYPE,
            self.aigc(),
            self.engine,
            json.dumps(models, ensure_ascii=False) if models else "",
            "" if self.seed is None else str(self.seed),
            json.dumps(dict(self.settings), ensure_ascii=False) if self.settings else "",
            self.image_sha256,
            self.audio_sha256,
        )
        return {key: value for key, value in zip(KEYS, values, strict=True) if value}


def audio_digest(clip: AudioClip) -> str:
    """sha256 of a recording's rate, channels and samples (float32, one channel after the other), as hexadecimal."""
    digest = hashlib.sha256(repr((clip.rate, clip.samples.shape)).encode())
    for channel in clip.samples:
        for block in blocks_of(channel):
            digest.update(np.ascontiguousarray(block, dtype="<f4").data)
    return digest.hexdigest()
