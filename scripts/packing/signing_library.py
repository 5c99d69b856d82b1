"""The library that signs and verifies, model-signing of the OpenSSF; without it this module says how to get it.

It is needed for three options alone, so commands import what stands on it when one of them is given.
"""

from scripts.console.errors import LabError

PACKAGES = "model-signing==1.1.1 pyOpenSSL==26.4.0"
"""As requirements.txt pins them; the library imports pyOpenSSL and does not ask for it."""

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from model_signing import signing, verifying
    from sigstore_models.bundle.v1 import Bundle
except ImportError as error:
    raise LabError(f"signatures need a library that is not installed; get it with pip install {PACKAGES}") from error

__all__ = ["PACKAGES", "Bundle", "InvalidSignature", "UnsupportedAlgorithm", "signing", "verifying"]
