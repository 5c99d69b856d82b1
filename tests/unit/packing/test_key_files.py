"""A file that is no key of the right kind is refused in one line, and an encrypted key is opened with its password."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from scripts.console.errors import LabError
from scripts.packing.key_files import MAX_BYTES, PASSWORD_FROM, signer, verifier
from scripts.packing.signature import require_signature, sign_archive
from tests.unit.packing.fault_lines import assert_readable
from tests.unit.packing.key_pairs import private_pem, public_pem

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KOBLITZ = ec.generate_private_key(ec.SECP256K1())
EDWARDS = ed25519.Ed25519PrivateKey.generate()
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())
CURVE = "must be an elliptic one of the curve prime256v1"
NO_PRIVATE = {
    "empty": (b"", "must hold a private key, holds none in PEM form; make one with openssl ecparam"),
    "text": (b"a key", "holds none in PEM form"),
    "der": (ELLIPTIC.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "holds none in PEM form"),
    "public": (public_pem(ELLIPTIC), "must hold a private key, holds the public one"),
    "rsa": (private_pem(RSA), CURVE),
    "ed25519": (private_pem(EDWARDS), CURVE),
    "other curve": (private_pem(KOBLITZ), CURVE),
    "encrypted": (private_pem(ELLIPTIC, BestAvailableEncryption(b"p")), f"put its password into .*{PASSWORD_FROM}"),
    "cut": (private_pem(ELLIPTIC)[:-60], "the key cannot be read"),
    "damaged": (private_pem(ELLIPTIC).replace(b"M", b"A", 1), "the key cannot be read"),
    "huge": (b"-" * (MAX_BYTES + 1), "is larger than 65536 bytes"),
}
NO_PUBLIC = {
    "empty": (b"", "must hold a public key in PEM form, holds none; make it with openssl ec "),
    "text": (b"a key", "holds none"),
    "private": (private_pem(ELLIPTIC), "holds the private one, which stays with whoever signs"),
    "both": (private_pem(ELLIPTIC) + public_pem(ELLIPTIC), "holds the private one"),
    "rsa": (public_pem(RSA), CURVE),
    "ed25519": (public_pem(EDWARDS), CURVE),
    "other curve": (public_pem(KOBLITZ), CURVE),
    "cut": (public_pem(ELLIPTIC)[:-40], "the key cannot be read"),
    "damaged": (public_pem(ELLIPTIC).replace(b"M", b"A", 1), "the key cannot be read"),
    "huge": (b"-" * (MAX_BYTES + 1), "is larger than 65536 bytes"),
}


def refusal(read: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(LabError) as caught:
        read(path)
    assert_readable(str(caught.value))
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


@pytest.mark.parametrize(("content", "reason"), NO_PRIVATE.values(), ids=NO_PRIVATE)
def test_no_private_key(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "k.pem").write_bytes(content)
    assert re.search(reason, refusal(signer, tmp_path / "k.pem"))


@pytest.mark.parametrize(("content", "reason"), NO_PUBLIC.values(), ids=NO_PUBLIC)
def test_no_public_key(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "p.pem").write_bytes(content)
    assert re.search(reason, refusal(verifier, tmp_path / "p.pem"))


@pytest.mark.parametrize("read", [signer, verifier])
def test_a_key_that_is_no_file(tmp_path: Path, read: Callable[[Path], object]) -> None:
    assert "must be the PEM file of a key, there is no such file" in refusal(read, tmp_path / "none.pem")
    assert "must be the PEM file of a key, is no file" in refusal(read, tmp_path)


@given(data=st.data())
def test_any_damage_to_a_key_is_a_line_and_no_traceback(sample: tuple[Path, Path], data: st.DataObject) -> None:
    folder = sample[0].parent
    for read, name in ((signer, "k.pem"), (verifier, "k.pub.pem")):
        content = bytearray((folder / name).read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        (folder / "damaged.pem").write_bytes(content)
        try:
            read(folder / "damaged.pem")
        except LabError as error:
            assert_readable(str(error))


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_is_opened_with_the_password_of_the_environment(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: PrivateFormat
) -> None:
    path, public = tmp_path / "encrypted.pem", tmp_path / "elliptic.pub.pem"
    path.write_bytes(ELLIPTIC.private_bytes(Encoding.PEM, form, BestAvailableEncryption("päss".encode())))
    public.write_bytes(public_pem(ELLIPTIC))
    for missing in (None, ""):
        monkeypatch.setenv(PASSWORD_FROM, missing) if missing is not None else None
        assert f"is encrypted; put its password into the variable {PASSWORD_FROM}" in refusal(signer, path)
    monkeypatch.setenv(PASSWORD_FROM, "another")
    assert "does not open the private key" in refusal(signer, path)
    assert "another" not in refusal(signer, path)
    monkeypatch.setenv(PASSWORD_FROM, "päss")
    sign_archive(signed, signer(path))
    require_signature(signed, public)


def test_a_password_means_nothing_to_an_open_key(keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_FROM, "of another key")
    signer(keys[0])
