"""Who packed an archive: what counts as signed with a key, and what is told of all that does not."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from scripts.console.errors import LabError
from scripts.packing.key_files import signer
from scripts.packing.signature import require_signature, sign_archive, signature_fault, signature_file
from tests.unit.packing.fault_lines import assert_readable, told
from tests.unit.packing.key_pairs import write_keys
from tests.unit.test_server import write_archive

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_what_was_signed_is_verified(signed: Path, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    private, public = write_keys(tmp_path, "other", curve)
    sign_archive(signed, signer(private))
    require_signature(signed, public)
    assert {path.name for path in signed.parent.iterdir()} == {"toy.mar", "toy.mar.sig"}


def test_a_signature_may_lie_elsewhere_and_the_archive_behind_a_link(signed: Path, public: Path) -> None:
    link = signed.parent.parent / "toy.mar"
    link.symlink_to(signed)
    require_signature(link, public, signature=signature_file(signed))


def test_an_archive_without_a_signature_is_refused(signed: Path, public: Path) -> None:
    signature_file(signed).unlink()
    assert "toy.mar.sig: is missing, so nobody has signed toy.mar; get it from whoever built" in told(signed, public)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"7", b"\xff\xfe", b"[" * 9999, b"PK\x03\x04"])
def test_junk_is_no_signature(signed: Path, public: Path, content: bytes) -> None:
    signature_file(signed).write_bytes(content)
    assert told(signed, public).startswith("toy.mar.sig: ")


def test_neither_is_a_folder_a_pipe_or_a_huge_file(signed: Path, public: Path) -> None:
    signature = signature_file(signed)
    signature.unlink()
    signature.mkdir()
    assert "toy.mar.sig: must be a file of 1 to 65536 bytes, is none" in told(signed, public)
    signature.rmdir()
    os.mkfifo(signature)
    assert "must be a file of 1 to 65536 bytes" in told(signed, public)
    signature.unlink()
    with signature.open("wb") as file:
        file.truncate(10 * 2**30)
    assert "must be a file of 1 to 65536 bytes" in told(signed, public)


def test_another_key_is_told(signed: Path, tmp_path: Path) -> None:
    _, stranger = write_keys(tmp_path, "stranger")
    assert "toy.mar.sig: was made with another key than that of" in told(signed, stranger)


def claim(signature: Path, change: Callable[[Any], None]) -> None:
    """Change the statement in a signature, as somebody without the key can."""
    bundle = json.loads(signature.read_text())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    change(statement)
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    signature.write_text(json.dumps(bundle))


def test_a_forged_statement_is_refused(signed: Path, public: Path) -> None:
    claim(signature_file(signed), lambda statement: statement["subject"][0].update(name="toy.mar"))
    assert "toy.mar.sig: was changed after signing, or forged" in told(signed, public)


def test_a_key_that_a_signature_only_claims_is_refused(signed: Path, public: Path, tmp_path: Path) -> None:
    """The hint of a key is not signed itself."""
    hint = json.loads(signature_file(signed).read_text())["verificationMaterial"]
    private, _ = write_keys(tmp_path, "stranger")
    signature = sign_archive(signed, signer(private))
    signature.write_text(json.dumps(json.loads(signature.read_text()) | {"verificationMaterial": hint}))
    assert "was changed after signing, or forged" in told(signed, public)


def test_an_old_form_without_a_hint_is_refused_and_nothing_printed(
    signed: Path, public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = json.loads(signature_file(signed).read_text())
    bundle["verificationMaterial"]["publicKey"] = {"hint": ""}
    signature_file(signed).write_text(json.dumps(bundle))
    assert "is no signature that build_archive --sign makes" in told(signed, public)
    assert capsys.readouterr().out == ""


def test_a_changed_archive_is_refused(signed: Path, public: Path) -> None:
    with signed.open("ab") as file:
        file.write(b"\n")
    assert "toy.mar: was changed after signing" in told(signed, public)


def test_the_signature_of_another_archive_is_refused(signed: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    other = signed.with_name("other.mar")
    write_archive(other, version="2.0")
    sign_archive(other, signer(keys[0])).replace(signature_file(signed))
    assert "toy.mar.sig: is the signature of 'other.mar', not of toy.mar" in told(signed, keys[1])


def test_a_signed_archive_does_not_stand_in_for_another(signed: Path, public: Path) -> None:
    """Two archives of one key: the old one under the new one's name."""
    renamed = signed.with_name("other.mar")
    signed.rename(renamed)
    signature_file(signed).rename(signature_file(renamed))
    assert "other.mar: was signed as 'toy.mar'; give it that name again" in told(renamed, public)


def test_what_no_archive_is_has_no_signature(tmp_path: Path, public: Path) -> None:
    with pytest.raises(LabError, match=r"there is no archive .*none\.mar; make one"):
        signature_fault(tmp_path / "none.mar", public)


@given(data=st.data())
def test_any_changed_byte_is_refused(sample: tuple[Path, Path], data: st.DataObject) -> None:
    archive, public = sample
    original = archive.read_bytes()
    require_signature(archive, public)
    changed = bytearray(original)
    changed[data.draw(st.integers(0, len(original) - 1))] ^= data.draw(st.integers(1, 255))
    archive.write_bytes(changed)
    try:
        assert "toy.mar: was changed after signing" in told(archive, public)
    finally:
        archive.write_bytes(original)


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document, from the top down."""
    yield path
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))
        else:
            yield (*path, key)


def replaced(document: Any, path: tuple[Any, ...], value: Json) -> Any:
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = replaced(document[path[0]], path[1:], value)
    return copy


@given(data=st.data())
def test_any_other_json_in_a_signature_is_a_line_and_no_traceback(
    sample: tuple[Path, Path], data: st.DataObject
) -> None:
    """In the bundle, or in the statement, which a holder of the key may sign as they like."""
    archive, public = sample
    signature = signature_file(archive)
    original = signature.read_bytes()
    bundle = json.loads(original)
    place = data.draw(st.sampled_from(list(places(bundle))))
    value = data.draw(JSON)
    signature.write_text(json.dumps(replaced(bundle, place, value)))
    try:
        fault = signature_fault(archive, public)
        if fault is None:  # what is not signed and means nothing may be anything
            assert place[-1] in ("keyid", "tlogEntries")
        else:
            assert_readable(fault)
    finally:
        signature.write_bytes(original)


@given(content=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_no_signature(sample: tuple[Path, Path], content: bytes) -> None:
    archive, public = sample
    original = signature_file(archive).read_bytes()
    signature_file(archive).write_bytes(content)
    try:
        told(archive, public)
    finally:
        signature_file(archive).write_bytes(original)


@given(data=st.data())
def test_any_statement_that_the_key_signed_is_a_line_or_the_archives(
    sample: tuple[Path, Path], data: st.DataObject
) -> None:
    """Another tool may sign other statements with the same key."""
    archive, _ = sample
    folder = archive.parent
    private, public = folder / "k.pem", folder / "k.pub.pem"
    original = signature_file(archive).read_bytes()
    bundle = json.loads(original)
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    place = data.draw(st.sampled_from(list(places(statement))))
    payload = json.dumps(replaced(statement, place, data.draw(JSON))).encode()
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(ecdsa(private, payload)).decode()
    signature_file(archive).write_text(json.dumps(bundle))
    try:
        fault = signature_fault(archive, public)
        if fault is None:
            assert place[-1] not in ("_type", "predicateType", "digest", "sha256", "subject")
        else:
            assert_readable(fault)
    finally:
        signature_file(archive).write_bytes(original)


def ecdsa(private: Path, payload: bytes) -> bytes:
    """The signature over a DSSE payload, by its specification."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(private.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    kind = b"application/vnd.in-toto+json"
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    return key.sign(message, ec.ECDSA(hashes.SHA256()))
