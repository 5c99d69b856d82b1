"""Who packed an archive: what counts as signed with a key, and what is told of all that does not."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from scripts import build_archive, serve, verify_archive
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.packing.key_files import MAX_BYTES, PASSWORD_FROM, signer, verifier
from scripts.packing.signature import (
    require_signature,
    sign_archive,
    signature_fault,
    signature_file,
)
from scripts.packing.signing_library import PACKAGES
from scripts.packing.verified_copies import remove_left_copies, verified_copies
from scripts.serving.server_options import ServerOptions
from tests.unit.test_light_commands import run
from tests.unit.test_server import write_archive

PROJECT = Path(__file__).parents[2]
LONG_DIGEST = re.compile(r"[0-9a-f]{32}|digest_value|b'")
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


def private_pem(key: Any, encryption: KeySerializationEncryption | None = None) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return pem


def public_pem(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def write_keys(folder: Path, name: str = "k", curve: ec.EllipticCurve | None = None) -> tuple[Path, Path]:
    """The files of a private key and its public one."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(private_pem(key))
    public.write_bytes(public_pem(key))
    return private, public


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return write_keys(tmp_path)


@pytest.fixture
def public(keys: tuple[Path, Path]) -> Path:
    return keys[1]


@pytest.fixture
def signed(tmp_path: Path, keys: tuple[Path, Path]) -> Path:
    """A small archive with its signature."""
    store = tmp_path / "store"
    store.mkdir()
    write_archive(store / "toy.mar", config="batchSize: 8\n")
    assert sign_archive(store / "toy.mar", signer(keys[0])) == store / "toy.mar.sig"
    return store / "toy.mar"


def told(archive: Path, public: Path) -> str:
    """The fault of an archive, which is one line that holds no digest."""
    fault = signature_fault(archive, public)
    assert fault is not None
    assert_readable(fault)
    with pytest.raises(LabError, match=re.escape(fault)):
        require_signature(archive, public)
    return fault


def assert_readable(line: str) -> None:
    assert line.isprintable()
    assert not LONG_DIGEST.search(line)
    assert "; " in line, "a cure is told"


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


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A signed archive to change again and again, and the public key."""
    folder = tmp_path_factory.mktemp("sample")
    private, public = write_keys(folder)
    write_archive(folder / "toy.mar")
    sign_archive(folder / "toy.mar", signer(private))
    return folder / "toy.mar", public


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


def test_copies_are_served_that_nobody_changes(signed: Path, public: Path, tmp_path: Path) -> None:
    content = signed.read_bytes()
    with verified_copies(["toy.mar"], signed.parent, public, folder=tmp_path / "state") as store:
        signed.write_bytes(b"something else")
        assert {path.name: path.read_bytes() for path in store.iterdir()} == {"toy.mar": content}
        assert store.stat().st_mode & 0o077 == 0
        assert store.is_relative_to(tmp_path / "state")
    assert not list((tmp_path / "state").iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from scripts.packing.verified_copies import verified_copies
with verified_copies(["toy.mar"], Path(sys.argv[1]), Path(sys.argv[2]), folder=Path(sys.argv[3])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_and_nothing_else(signed: Path, public: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    command = [sys.executable, "-c", KILLED, str(signed.parent), str(public), str(state)]
    assert subprocess.run(command, check=False, cwd=PROJECT).returncode == -signal.SIGKILL
    (left,) = state.iterdir()
    assert [path.name for path in left.iterdir()] == ["toy.mar"]
    elsewhere = tmp_path / "verified-elsewhere"
    elsewhere.mkdir()
    (state / "verified-link").symlink_to(elsewhere, target_is_directory=True)
    (state / "verified-file").touch()
    (state / "logs").mkdir()
    with verified_copies(["toy.mar"], signed.parent, public, folder=state) as store:
        remove_left_copies(state)
        assert {path.name for path in state.iterdir()} == {store.name, "verified-link", "verified-file", "logs"}
        assert (store / "toy.mar").is_file()
    assert elsewhere.is_dir()
    remove_left_copies(tmp_path / "never made")


def test_what_is_verified_is_the_copy(
    signed: Path, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the file were exchanged while it is copied, and put back."""
    monkeypatch.setattr(shutil, "copyfile", lambda _, target: target.write_bytes(b"exchanged"))
    with (
        pytest.raises(LabError, match=r"toy\.mar: was changed after signing"),
        verified_copies(["toy.mar"], signed.parent, public, folder=tmp_path / "state"),
    ):
        pytest.fail("served")
    require_signature(signed, public)


@pytest.fixture
def start(signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, dict[str, bytes]]]:
    """Has `serve start` go as far as starting a server; tells its exit code and the archives that would be served."""

    def far_enough(options: ServerOptions) -> None:
        found.update({model: options.archive(model).read_bytes() for model in options.models})
        raise LabError("far enough")

    found: dict[str, bytes] = {}
    monkeypatch.setattr(serve, "start_server", far_enough)
    places = ["--model-store", str(signed.parent), "--state", str(tmp_path / "state")]
    return lambda public, *models: (
        serve.main(["start", *places, "--require-signature", str(public), "--models", *models]),
        found,
    )


@pytest.mark.parametrize(("models", "name"), [("toy", "toy"), ("toy.mar", "toy"), ("x=toy.mar", "x"), ("all", "toy")])
def test_serve_starts_what_is_signed(
    signed: Path,
    public: Path,
    start: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    models: str,
    name: str,
) -> None:
    left = tmp_path / "state" / "verified-by a process that was killed"
    left.mkdir(parents=True)
    assert start(public, models) == (Exit.ERROR, {name: signed.read_bytes()})
    assert not left.exists()
    written = capsys.readouterr()
    assert f"signed with the key of {public}: toy.mar" in written.out
    assert "far enough" in written.err


def test_serve_starts_nothing_else(
    signed: Path, public: Path, tmp_path: Path, start: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(key: Path, *models: str) -> str:
        assert start(key, *models) == (Exit.ERROR, {})
        (line,) = capsys.readouterr().err.splitlines()
        assert_readable(line)
        return line

    write_archive(signed.with_name("unsigned.mar"))
    assert "unsigned.mar.sig: is missing" in refused(public, "toy", "unsigned")
    assert "was made with another key" in refused(write_keys(tmp_path, "stranger")[1], "toy")
    assert "none.mar; make one with" in refused(public, "none")
    assert "holds the private one" in refused(tmp_path / "k.pem", "toy")
    signed.write_bytes(b"not a zip")
    assert "toy.mar: was changed after signing" in refused(public, "toy.mar")  # and its manifest was not read
    assert not list((tmp_path / "state").iterdir())


def test_a_profile_that_lets_in_others_later_is_bad_usage(public: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        serve.main(["start", "--models", "toy", "--require-signature", str(public), "--profile", "development"])
    assert left.value.code == Exit.USAGE
    assert "--require-signature needs --profile hardened" in capsys.readouterr().err


def test_the_check_refuses_before_it_opens_the_archive(
    signed: Path, public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed.write_bytes(b"not a zip")
    assert verify_archive.main([str(signed), "--key", str(public)]) == Exit.BELOW_TARGET
    written = capsys.readouterr()
    assert "FAULT  toy.mar: was changed after signing" in written.out
    assert "1 fault(s): do not serve it" in written.out
    assert written.err == ""
    assert verify_archive.main([str(signed)]) == Exit.ERROR  # sanity arm
    assert verify_archive.main([str(signed), "--key", str(signed)]) == Exit.ERROR
    assert "must hold a public key" in capsys.readouterr().err


def test_the_check_goes_on_behind_a_signature(signed: Path, public: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A signature tells who packed an archive, not that it is harmless to unpack."""
    assert verify_archive.main([str(signed), "--key", str(public)]) == Exit.BELOW_TARGET
    assert "SHA256SUMS: is missing" in capsys.readouterr().out


def test_verifying_needs_no_torch(signed: Path, public: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom scripts.packing.signature import signature_fault\n"
        "print(signature_fault(Path(sys.argv[1]), Path(sys.argv[2])))\n"
        "sys.exit(sorted({'torch', 'transformers'} & set(sys.modules)) or 0)"
    )
    assert run(str(signed), public, code=code) == "None\n"


@pytest.mark.parametrize("missing", ["model_signing", "OpenSSL"])
def test_without_the_library_three_options_are_refused_and_all_else_works(
    signed: Path,
    keys: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    missing: str,
) -> None:
    for name in [*sys.modules]:
        if name.split(".")[0] == "model_signing" or re.fullmatch(
            r"scripts\.packing\.(key_files|sign\w+|verified_copies)", name
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    private, public = map(str, keys)
    store, state = str(signed.parent), str(signed.parent / "state")
    building = ["--name", "toy", "--checkpoint", store, "--calibration", store, "--model-store", store]
    for command, options in (
        (build_archive, [*building, "--sign", private]),
        (verify_archive, [str(signed), "--key", public]),
        (serve, ["start", "--models", "toy", "--model-store", store, "--state", state, "--require-signature", public]),
    ):
        assert command.main(options) == Exit.ERROR  # type: ignore[attr-defined]
        (line,) = capsys.readouterr().err.splitlines()
        assert line.endswith(f"need a library that is not installed; get it with pip install {PACKAGES}")
    assert verify_archive.main([str(signed)]) == Exit.BELOW_TARGET


def test_the_packages_that_are_told_are_those_of_the_project() -> None:
    pins = {line.split("#")[0].strip() for line in (PROJECT / "requirements.txt").read_text().splitlines()}
    assert set(PACKAGES.split()) <= pins
