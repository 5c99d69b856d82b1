"""Copies of archives that were verified, to serve from: the files of a model store may change after the comparison."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.console.errors import LabError
from scripts.packing.key_files import verifier
from scripts.packing.signature import require_signature, signature_file


@contextmanager
def verified_copies(files: Iterable[str], store: Path, public_key: Path, *, folder: Path) -> Iterator[Path]:
    """A private model store for the time of a `with` block, with nothing in it but archives that are signed.

    Each is copied first and the copy verified: that is what the server unpacks, once, when it starts.

    Args:
        files: names of archives in the model store; their signatures lie beside them.
        store: the model store.
        public_key: the PEM file of the key.
        folder: where the private store lies; it needs room for the archives.

    Raises:
        LabError: names the first archive that is not signed with the key, and why; or the key cannot be used.
    """
    verifier(public_key)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="verified-", dir=folder.resolve()) as private:
        for file in files:
            if not (store / file).is_file():
                raise LabError(f"there is no archive {store / file}; make one with python -m scripts.build_archive")
            copy = Path(private, file)
            shutil.copyfile(store / file, copy)
            require_signature(copy, public_key, signature=signature_file(store / file))
        yield Path(private)
