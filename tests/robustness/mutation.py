"""Damage to files: bytes changed the way storage, transfer and malice change them, and JSON values put where others belong."""

from __future__ import annotations

import copy
import json
import random
import struct
import zlib
from typing import Any

BOUNDARIES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
PNG_START = b"\x89PNG\r\n\x1a\n"


def mutant(data: bytes, rng: random.Random) -> bytes:
    """`data` with one to four kinds of damage; headers are hit more often than the rest."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if out:
            rng.choice(DAMAGE)(out, rng)
    return _with_png_checksums(bytes(out)) if rng.random() < 0.8 else bytes(out)


def json_mutant(value: Any, rng: random.Random) -> str:
    """A JSON text like `value`, in which one to three parts are of another kind, size or depth."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = _replaced(value, rng)
    text = json.dumps(value)
    return (
        text.replace('"@DEEP@"', "[" * 100_000 + "]" * 100_000)
        if rng.random() < 0.9
        else text[: rng.randrange(len(text) + 1)]
    )


def _place(out: bytearray, rng: random.Random) -> int:
    return rng.randrange(min(len(out), 512)) if rng.random() < 0.5 else rng.randrange(len(out))


def _bit(out: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 8, 64))):
        out[_place(out, rng)] ^= 1 << rng.randrange(8)


def _number(out: bytearray, rng: random.Random) -> None:
    size, at = rng.choice((1, 2, 4, 8)), _place(out, rng)
    value = rng.choice(BOUNDARIES) % 2 ** (8 * size)
    out[at : at + size] = value.to_bytes(size, rng.choice(("big", "little")))


def _noise(out: bytearray, rng: random.Random) -> None:
    at, size = _place(out, rng), rng.choice((1, 4, 16, 256))
    out[at : at + size] = rng.randbytes(size)


def _zeros(out: bytearray, rng: random.Random) -> None:
    at = _place(out, rng)
    end = min(len(out), at + rng.choice((4, 64, 1024)))
    out[at:end] = bytes(end - at)


def _cut_out(out: bytearray, rng: random.Random) -> None:
    at = _place(out, rng)
    del out[at : at + rng.choice((1, 4, 64, 1024))]


def _cut_off(out: bytearray, rng: random.Random) -> None:
    del out[_place(out, rng) :]


def _twice(out: bytearray, rng: random.Random) -> None:
    at, size = _place(out, rng), rng.choice((4, 64, 1024))
    out[at:at] = out[at : at + size]


def _moved(out: bytearray, rng: random.Random) -> None:
    a, b, size = _place(out, rng), _place(out, rng), rng.choice((4, 32, 256))
    out[a : a + size] = out[b : b + size]


DAMAGE = (_bit, _bit, _number, _number, _number, _noise, _zeros, _cut_out, _cut_off, _twice, _moved)


def _with_png_checksums(data: bytes) -> bytes:
    """Damage behind a wrong checksum would never be reached."""
    if not data.startswith(PNG_START):
        return data
    out, at = bytearray(data), len(PNG_START)
    while at + 12 <= len(out):
        (size,) = struct.unpack_from(">I", out, at)
        end = at + 8 + size
        if end + 4 > len(out):
            break
        struct.pack_into(">I", out, end, zlib.crc32(out[at + 4 : end]))
        at = end + 4
    return bytes(out)


HOSTILE = (
    None, True, False, 0, -1, 1, 3, 2**31, 2**63, 2**70, -(2**70), 1e308, -0.5, 1e-320, float("nan"), float("inf"),
    "", "x", "0", "-1", "nan", "../../../../etc/passwd", "/dev/zero", "\x00", "\x1b]0;x\x07", "\ud800", "字" * 300,
    "a" * 100_000, "%s%n{0}", "[" * 100_000, '{"a":' * 50_000, [], {}, [[]], [None] * 3, {"": None}, [0] * 1000, "@DEEP@",
)  # fmt: skip


def _replaced(value: Any, rng: random.Random) -> Any:
    """`value` with one part, at any depth, changed for a hostile one, taken out or named otherwise."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        roll = rng.random()
        if roll < 0.1:
            del value[key]
        elif roll < 0.2:
            value[str(rng.choice(HOSTILE))[:100]] = value.pop(key)
        else:
            value[key] = _replaced(value[key], rng)
        return value
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        value[at] = _replaced(value[at], rng)
        return value
    return copy.deepcopy(rng.choice(HOSTILE))
