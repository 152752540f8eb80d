"""Reads a file's provenance back and says, point by point, whether it holds."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from .probe import Probe
from .provenance import AIGC_FIELDS, DIGITAL_SOURCE_TYPE, IS_GENERATED, KEYS, LONGEST_VALUE

MARKS = ("AIGC", "ai_generated", "digital_source_type")


@dataclass(frozen=True)
class Check:
    """One point: what was looked at, whether it holds, and what was found."""

    subject: str
    holds: bool
    found: str


def own_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """The provenance among a file's tags, under our spelling of the keys (Matroska stores them in capitals)."""
    lowered = {key.lower(): value for key, value in metadata.items()}
    return {key: lowered[key.lower()] for key in KEYS if key.lower() in lowered}


def is_marked(metadata: Mapping[str, str]) -> bool:
    """Whether the file says, in any of the ways we know, that it is synthetic."""
    return any(key in own_tags(metadata) for key in MARKS)


def check_provenance(
    video: Probe, images: Collection[str] | None = None, recordings: Collection[str] | None = None
) -> tuple[Check, ...]:
    """Every check that applies to a marked file.

    images, recordings: digests that the portrait and the sound that the user holds may have; None = not asked.
    """
    tags = own_tags(video.metadata)
    checks = [
        Check("generator", "generator" in tags, tags.get("generator", "not named")),
        Check("ai_generated", tags.get("ai_generated") == "true", tags.get("ai_generated", "missing")),
        Check(
            "digital_source_type",
            tags.get("digital_source_type") == DIGITAL_SOURCE_TYPE,
            tags.get("digital_source_type", "missing"),
        ),
        _aigc(tags.get("AIGC")),
        *_structure(tags),
        *_ends(video),
    ]
    for key, digests in (("image_sha256", images), ("audio_sha256", recordings)):
        if digests is not None:
            checks.append(_digest(key, tags.get(key), digests))
    return tuple(checks)


def _aigc(text: str | None) -> Check:
    """Exactly the seven fields of GB 45438-2025, all of them texts, the label and the first two filled in."""
    if text is None:
        return Check("AIGC", False, "missing")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return Check("AIGC", False, f"no JSON: {text[:60]!r}")
    if not isinstance(record, dict) or sorted(record) != sorted(AIGC_FIELDS):
        fields = ", ".join(record) if isinstance(record, dict) else type(record).__name__
        return Check("AIGC", False, f"expected the seven fields {', '.join(AIGC_FIELDS)}; found {fields}")
    wrong = [name for name, value in record.items() if not isinstance(value, str) or len(value) > LONGEST_VALUE]
    empty = [name for name in ("ContentProducer", "ProduceID") if not record[name]]
    if wrong or empty or record["Label"] != IS_GENERATED:
        faults = [f"{name} is no text of at most {LONGEST_VALUE} characters" for name in wrong]
        faults += [f"{name} is empty" for name in empty]
        faults += [] if record["Label"] == IS_GENERATED else [f"Label is {record['Label']!r}, expected '1'"]
        return Check("AIGC", False, "; ".join(faults))
    return Check("AIGC", True, f"producer {record['ContentProducer']}, number {record['ProduceID']}")


def _structure(tags: Mapping[str, str]) -> Iterator[Check]:
    """Values that a program will want to read must have their form."""
    for key in ("models", "settings"):
        if key in tags:
            yield Check(key, _is_json(tags[key]), tags[key])
    if "seed" in tags:
        yield Check("seed", tags["seed"].isascii() and tags["seed"].isdecimal(), tags["seed"])
    for key in ("image_sha256", "audio_sha256"):
        if key in tags:
            yield Check(f"{key} is a hash", _is_sha256(tags[key]), tags[key])


def _ends(video: Probe) -> Iterator[Check]:
    if video.video_codec and video.audio_codec and video.fps:
        apart = abs(video.duration - video.audio_duration)
        yield Check("picture and sound end together", apart <= 0.5 / video.fps + 1e-3, f"{1000 * apart:.0f} ms apart")


def _digest(key: str, stored: str | None, digests: Collection[str]) -> Check:
    if stored is None:
        return Check(f"{key} matches", False, "the file names none")
    return Check(
        f"{key} matches", stored in digests, "the same" if stored in digests else f"given: {' or '.join(digests)}"
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)
