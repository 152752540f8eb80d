"""C2PA: signs a finished file with the user's own certificate, and reads such a signature back (optional extra `c2pa-python`).

Signing needs no network.  It comes last: any later change of the file breaks it, and shows.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from PIL import Image

from ..errors import ModelMissingError, OutputError, SettingsError
from ..version import __version__
from .provenance import DIGITAL_SOURCE_TYPE
from .provenance_check import Check

ALGORITHMS = ("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519")
FORMATS = {".mp4": "video/mp4", ".gif": "image/gif"}
# The box of an mp4 that holds the manifest (C2PA specification 2.1, section A.5); GIF keeps it in an application extension.
SIGNATURE_MARKS = (bytes.fromhex("d8fec3d61b0e483c92975828877ec481"), b"C2PA_GIF")
SEARCHED_BYTES = 2**20
VALID_STATES = ("Valid", "Trusted")


@dataclass(frozen=True)
class Signing:
    """The user's credentials: PEM files of the certificate chain (own certificate first) and of the private key, and its algorithm."""

    certificate: Path
    key: Path
    algorithm: str = "es256"

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise SettingsError(
                f"The signature algorithm is {self.algorithm!r}; expected one of {', '.join(ALGORITHMS)}."
            )


def check_signing(signing: Signing, output: Path) -> None:
    """Sign a tiny picture in memory: what is wrong with the credentials shows before the long work, not after it.

    Raises ModelMissingError without c2pa-python, OutputError for credentials or a kind of file that cannot be used.
    """
    if output.suffix.lower() not in FORMATS:
        raise OutputError(
            f"{output.name} cannot be signed: C2PA signatures are made for {' and '.join(FORMATS)} files."
        )
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    picture.seek(0)
    c2pa = _library()
    with _plain_errors(c2pa, signing), _signer(c2pa, signing) as signer, _builder(c2pa, "check") as builder:
        builder.sign(signer, "image/png", picture, io.BytesIO())


def sign(path: Path, signing: Signing, title: str) -> None:
    """Replace `path` by itself with a signed manifest: made by a trained model, with this program.  Errors as in `check_signing`."""
    c2pa = _library()
    signed = path.with_name(f"{path.stem}.signed{path.suffix}")
    try:
        with (
            _plain_errors(c2pa, signing),
            _signer(c2pa, signing) as signer,
            _builder(c2pa, title) as builder,
            path.open("rb") as source,
            signed.open("w+b") as target,
        ):
            builder.sign(signer, FORMATS[path.suffix.lower()], source, target)
        signed.replace(path)
    finally:
        signed.unlink(missing_ok=True)


def check_signature(path: Path) -> Check | None:
    """Whether the file's signature holds; None when it has none.  Without c2pa-python that cannot be told, and is said."""
    if path.is_dir() or not _has_signature(path):
        return None
    try:
        c2pa = _library()
    except ModelMissingError as error:
        return Check("C2PA signature", False, f"present, not verified. {error}")
    try:
        with c2pa.Reader(str(path)) as reader:
            store, state = json.loads(reader.json()), reader.get_validation_state()
    except c2pa.C2paError as error:
        return Check("C2PA signature", False, f"present, unreadable: {error}")
    return Check("C2PA signature", state in VALID_STATES, f"{state}{_signed_by(store)}")


def lost_signature(path: Path) -> tuple[str, ...]:
    """A sentence for whoever makes a changed copy of a signed file."""
    if path.is_dir() or not _has_signature(path):
        return ()
    return (
        f"{path.name} carries a C2PA signature, which holds for that very file only; the new one has none. "
        "Sign it again where a signature is needed.",
    )


def _signed_by(store: Mapping[str, Any]) -> str:
    """The signer's name and what the validator noted, from a manifest store."""
    active = store.get("manifests", {}).get(store.get("active_manifest"), {})
    issuer = active.get("signature_info", {}).get("issuer")
    notes = [status.get("code", "") for status in store.get("validation_status", ())]
    return (f", signed by {issuer}" if issuer else "") + (f" ({', '.join(notes)})" if notes else "")


def _has_signature(path: Path) -> bool:
    """Whether a manifest is there; it stands near the beginning of the file."""
    with path.open("rb") as file:
        head = file.read(SEARCHED_BYTES)
    return any(mark in head for mark in SIGNATURE_MARKS)


def _library() -> ModuleType:
    try:
        return import_module("c2pa")
    except ImportError as error:
        raise ModelMissingError(
            "C2PA signatures need the package c2pa-python, which is not installed (or does not load: "
            f"{error}). Install it: pip install c2pa-python"
        ) from error


def _signer(c2pa: ModuleType, signing: Signing) -> Any:
    certificate, key = _read(signing.certificate, "certificate"), _read(signing.key, "private key")
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(signing.algorithm, certificate, key, None))


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutputError(f"The {what} {path} cannot be read ({error}). Expected a PEM file.") from error


def _builder(c2pa: ModuleType, title: str) -> Any:
    action = {
        "action": "c2pa.created",
        "digitalSourceType": DIGITAL_SOURCE_TYPE,
        "softwareAgent": {"name": "sonic-portrait", "version": __version__},
    }
    return c2pa.Builder(
        {
            "claim_generator_info": [{"name": "sonic-portrait", "version": __version__}],
            "title": title,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
        }
    )


@contextmanager
def _plain_errors(c2pa: ModuleType, signing: Signing) -> Iterator[None]:
    """Turn the library's errors into an OutputError that says what to look at."""
    try:
        yield
    except c2pa.C2paError as error:
        raise OutputError(
            f"Signing with {signing.certificate} and {signing.key} ({signing.algorithm}) failed: {error}. "
            "Expected a chain of PEM certificates, the signer's own first and issued by an authority, "
            "and the private key that belongs to it and to the algorithm."
        ) from error
