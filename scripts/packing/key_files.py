"""The two keys of a signature, read from PEM files: the private one signs, the public one verifies.

The library answers a file that is no such key with whatever exception its parser ends in. Here each gets one line.
"""

import os
from pathlib import Path

from scripts.console.errors import LabError
from scripts.packing.signing_library import UnsupportedAlgorithm, signing, verifying

PASSWORD_FROM = "XGRAAD_SIGNING_PASSWORD"  # noqa: S105 - the name of a variable
"""Environment variable for the password of an encrypted private key; an argument would be seen by every process."""
CURVES = "prime256v1, secp384r1 or secp521r1"
MAKE_PRIVATE = "openssl ecparam -name prime256v1 -genkey -noout -out k.pem"
MAKE_PUBLIC = "openssl ec -in k.pem -pubout -out p.pem"
MAX_BYTES = 2**16
"""Of a key file; one has a few hundred."""
_PRIVATE, _PUBLIC, _ENCRYPTED = b"PRIVATE KEY-----", b"PUBLIC KEY-----", b"ENCRYPTED"


def signer(path: Path) -> signing.Config:
    """What signs with a private key.

    Raises:
        LabError: the file is missing or holds no private key that the library takes.
    """
    content = _read(path)
    if _PRIVATE not in content:
        found = "holds the public one" if _PUBLIC in content else "holds none in PEM form"
        raise LabError(f"{path}: must hold a private key, {found}; make one with {MAKE_PRIVATE}")
    password = os.environ.get(PASSWORD_FROM) if _ENCRYPTED in content else None
    if _ENCRYPTED in content and not password:
        raise LabError(f"{path}: the private key is encrypted; put its password into the variable {PASSWORD_FROM}")
    try:
        # Annotated as text, and yet handed on to what takes bytes alone.
        given = os.fsencode(password) if password else None
        return signing.Config().use_elliptic_key_signer(private_key=path, password=given)  # type: ignore[arg-type]
    except (AttributeError, TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise LabError(f"{path}: {_fault(error, has_password=bool(password))}; make one with {MAKE_PRIVATE}") from error


def verifier(path: Path) -> verifying.Config:
    """What verifies one signature with a public key.

    Raises:
        LabError: the file is missing or holds no public key that the library takes.
    """
    content = _read(path)
    if _PUBLIC not in content or _PRIVATE in content:
        found = "holds the private one, which stays with whoever signs" if _PRIVATE in content else "holds none"
        raise LabError(f"{path}: must hold a public key in PEM form, {found}; make it with {MAKE_PUBLIC}")
    try:
        return verifying.Config().use_elliptic_key_verifier(public_key=path)
    except (AttributeError, TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise LabError(f"{path}: {_fault(error)}; make it with {MAKE_PUBLIC}") from error


def _read(path: Path) -> bytes:
    """The content of a key file, which is small."""
    if not path.is_file():
        found = "is no file" if path.exists() else "there is no such file"
        raise LabError(f"{path}: must be the PEM file of a key, {found}; make keys with openssl ecparam and openssl ec")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise LabError(f"{path}: must be the PEM file of a key, is larger than {MAX_BYTES} bytes; name another file")
    return content


def _fault(error: Exception, *, has_password: bool = False) -> str:
    """Why the library takes no such key. It asks any key for a curve, and tells a wrong one in words alone."""
    if isinstance(error, AttributeError | UnsupportedAlgorithm) or "Unsupported key for curve" in str(error):
        return f"the key must be an elliptic one of the curve {CURVES}, is another"
    if has_password:
        return f"the password in {PASSWORD_FROM} does not open the private key"
    return "the key cannot be read"
