"""Who packed an archive: a signature beside it, NAME.mar.sig, made with a private key and verified with its public one.

It is a Sigstore bundle as model-signing of the OpenSSF writes it: a signed statement of the archive's name and SHA-256.
Nothing is fetched and nobody is asked; whoever serves needs the public key, once, and from somebody they trust. Nothing
of an archive is parsed, unpacked or run to verify it.
"""

import json
import tempfile
from pathlib import Path

from handler.xgraad.errors import shown
from scripts.console.errors import LabError
from scripts.packing.key_files import verifier
from scripts.packing.signing_library import Bundle, InvalidSignature, signing

MAX_BYTES = 2**16
"""Of a signature; that of one file has about 1500."""
BROKEN = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What reading JSON of another form raises."""
NONE = "is no signature that build_archive --sign makes"
AGAIN = "get the archive and its signature again from whoever signed it"


def signature_file(archive: Path) -> Path:
    """Where the signature of an archive lies."""
    return archive.with_name(f"{archive.name}.sig")


def sign_archive(archive: Path, key: signing.Config) -> Path:
    """Write the signature beside the archive, at once and whole; returns its path."""
    signature = signature_file(archive)
    partial = signature.with_name(f"{signature.name}.partial")
    key.sign(archive, partial)
    partial.replace(signature)
    return signature


def require_signature(archive: Path, public_key: Path, *, signature: Path | None = None) -> None:
    """Refuse an archive that `signature_fault` finds fault with; same arguments.

    Raises:
        LabError: the fault, or the key cannot be used.
    """
    if fault := signature_fault(archive, public_key, signature=signature):
        raise LabError(fault)


def signature_fault(archive: Path, public_key: Path, *, signature: Path | None = None) -> str | None:
    """Why an archive does not count as signed with a key, in one line; None when it does.

    Args:
        archive: the .mar file.
        public_key: the PEM file of the key.
        signature: where the signature lies, if not beside the archive.

    Raises:
        LabError: no archive, or no such key.
        OSError: a file cannot be read.
    """
    key = verifier(public_key)
    if not archive.is_file():
        raise LabError(f"there is no archive {archive}; make one with python -m scripts.build_archive")
    signature = signature or signature_file(archive)
    try:
        content = _read(signature)
        signed_name = _signed_name(signature, content)
    except LabError as error:
        return str(error)
    # What was read is what is verified: the file may be another by now.
    with tempfile.NamedTemporaryFile(prefix="xgraad-", suffix=".sig") as copy:
        copy.write(content)
        copy.flush()
        try:
            key.verify(archive.resolve(), Path(copy.name))
        except InvalidSignature:
            return f"{signature.name}: was changed after signing, or forged; {AGAIN}"
        except BROKEN as error:
            return _mismatch(archive, signature, public_key, signed_name=signed_name, reason=str(error))
    if signed_name != archive.name:
        return f"{archive.name}: was signed as {shown(signed_name)}; give it that name again"
    return None


def _read(signature: Path) -> bytes:
    if not signature.exists():
        cure = "get it from whoever built the archive, or sign with build_archive --sign"
        raise LabError(f"{signature.name}: is missing, so nobody has signed {signature.stem}; {cure}")
    content = b""
    if signature.is_file():
        with signature.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    if not 0 < len(content) <= MAX_BYTES:
        raise LabError(f"{signature.name}: must be a file of 1 to {MAX_BYTES} bytes, is none; {AGAIN}")
    return content


def _signed_name(signature: Path, content: bytes) -> str:
    """The name of the archive in a signature, by the library's own reader; not verified yet.

    The library's comparison leaves names out, so that one signed archive could stand in for another.
    """
    try:
        bundle = Bundle.from_dict(json.loads(content))
        key, envelope = bundle.verification_material.public_key, bundle.dsse_envelope
        if key is None or not key.hint or envelope is None:
            raise ValueError
        (subject,) = json.loads(envelope.payload)["subject"]
        if not isinstance(subject["name"], str):
            raise TypeError
    except BROKEN as error:
        raise LabError(f"{signature.name}: {NONE}; {AGAIN}") from error
    return subject["name"]


def _mismatch(archive: Path, signature: Path, public_key: Path, *, signed_name: str, reason: str) -> str:
    """Why the library refuses, in our words: its own hold digests, and names that somebody else chose."""
    if reason.startswith("Key mismatch"):
        cure = "name the public key of whoever signed, if you trust them"
        return f"{signature.name}: was made with another key than that of {public_key}; {cure}"
    if not reason.startswith("Signature mismatch"):
        return f"{signature.name}: {NONE}; {AGAIN}"
    if signed_name != archive.name:
        return f"{signature.name}: is the signature of {shown(signed_name)}, not of {archive.name}; {AGAIN}"
    return f"{archive.name}: was changed after signing; {AGAIN}"
