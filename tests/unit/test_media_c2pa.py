"""C2PA signatures: made last with the user's certificate, valid, broken by any change, and plain words when something is missing."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone

import pytest
from media_samples import chirp, moving_picture

from sonic_core import cli
from sonic_core.errors import ModelMissingError, OutputError, SettingsError
from sonic_core.media.c2pa_signing import Signing, check_signature, check_signing, sign
from sonic_core.media.probe import probe
from sonic_core.media.writer import write_video


@pytest.fixture(scope="module")
def credentials(tmp_path_factory) -> Signing:
    """A certificate from a made-up authority and its key."""
    pytest.importorskip("c2pa", reason="c2pa-python is not installed")
    pytest.importorskip("cryptography", reason="cryptography, which makes the test certificate, is not installed")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(text):
        return x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, text)]
        )

    def usage(**on):
        fields = [
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ]
        return x509.KeyUsage(**{field: on.get(field, False) for field in fields})

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now = datetime.now(timezone.utc)

    def certificate(subject, public_key, authority):
        made = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name("Test Root"))
        made = made.public_key(public_key).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
        made = made.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        on = {"key_cert_sign": True, "crl_sign": True} if authority else {"digital_signature": True}
        made = made.add_extension(usage(**on), critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        made = made.add_extension(identifier, critical=False)
        if not authority:
            made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
        return made.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    folder = tmp_path_factory.mktemp("credentials")
    chain = certificate("Signer", key.public_key(), False) + certificate("Test Root", root_key.public_key(), True)
    (folder / "chain.pem").write_bytes(chain)
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    return Signing(folder / "chain.pem", folder / "key.pem")


@pytest.fixture
def signed(tmp_path, credentials):
    return write_video(
        moving_picture(0.4), chirp(0.4), tmp_path / "a.mp4", finish=lambda path: sign(path, credentials, "a")
    )


def test_a_signed_video_is_valid_and_still_a_video(signed):
    check = check_signature(signed)
    assert check.holds, check.found
    assert "signed by Test" in check.found
    video = probe(signed)
    assert (video.frames, video.audio_codec, video.fast_start) == (10, "aac", True)
    assert [path.name for path in signed.parent.iterdir()] == ["a.mp4"]


def test_the_manifest_says_made_by_a_trained_model(signed):
    import c2pa

    with c2pa.Reader(str(signed)) as reader:
        text = reader.json()
    assert "digitalsourcetype/trainedAlgorithmicMedia" in text
    assert "sonic-portrait" in text


def test_a_changed_video_is_noticed(signed):
    content = bytearray(signed.read_bytes())
    content[-100] ^= 1
    signed.write_bytes(content)
    assert not check_signature(signed).holds


def test_an_unsigned_video_has_no_signature(tmp_path):
    assert check_signature(write_video(moving_picture(0.2), None, tmp_path / "a.mp4")) is None


def test_the_key_must_belong_to_the_algorithm(tmp_path, credentials):
    check_signing(credentials, tmp_path / "a.mp4")
    with pytest.raises(OutputError, match="private key that belongs to it"):
        check_signing(Signing(credentials.certificate, credentials.key, "ps256"), tmp_path / "a.mp4")


def test_files_that_are_missing_or_cannot_be_signed_are_named(tmp_path, credentials):
    with pytest.raises(OutputError, match=r"nobody\.pem"):
        check_signing(Signing(tmp_path / "nobody.pem", credentials.key), tmp_path / "a.mp4")
    with pytest.raises(OutputError, match="cannot be signed"):
        check_signing(credentials, tmp_path / "a.webm")


def test_without_the_package_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(ModelMissingError, match="pip install c2pa-python"):
        check_signing(Signing(tmp_path / "a.pem", tmp_path / "b.pem"), tmp_path / "a.mp4")


def test_unknown_algorithms_are_refused(tmp_path):
    with pytest.raises(SettingsError):
        Signing(tmp_path, tmp_path, "md5")


def test_half_the_credentials_are_wrong_usage(tmp_path, capsys):
    assert cli.main(["demo", "--c2pa-cert", "a.pem", "--output", str(tmp_path / "a.mp4")]) == 2
    assert "--c2pa-key" in capsys.readouterr().err


def test_an_algorithm_without_credentials_is_wrong_usage(tmp_path, capsys):
    assert cli.main(["demo", "--c2pa-alg", "es384", "--output", str(tmp_path / "a.mp4")]) == 2
    assert "--c2pa-alg is given, but nothing is signed" in capsys.readouterr().err


def test_command_line_signs_and_inspect_verifies(tmp_path, credentials, capsys):
    output = tmp_path / "a.mp4"
    common = ["demo", "--min-resolution", "256", "--duration", "0.2", "--length-policy", "trim", "--quiet"]
    secrets = ["--c2pa-cert", str(credentials.certificate), "--c2pa-key", str(credentials.key)]
    assert cli.main([*common, *secrets, "--output", str(output)]) == 0
    assert cli.main(["inspect", str(output)]) == 0
    assert "ok       C2PA signature: Valid" in capsys.readouterr().out
