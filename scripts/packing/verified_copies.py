"""Copies of archives that were verified, to serve from: the files of a model store may change after the comparison."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scripts.console.errors import LabError
from scripts.packing.key_files import verifier
from scripts.packing.signature import require_signature, signature_file

PREFIX = "verified-"


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
    with _private_folder(folder.resolve()) as private:
        for file in files:
            if not (store / file).is_file():
                raise LabError(f"there is no archive {store / file}; make one with python -m scripts.build_archive")
            copy = private / file
            shutil.copyfile(store / file, copy)
            require_signature(copy, public_key, signature=signature_file(store / file))
        yield private


def remove_left_copies(folder: Path) -> None:
    """Remove what processes have left that were killed; what a living one holds stays, and so does all else.

    Args:
        folder: see `verified_copies`; no server may run that still has to unpack what lies there.
    """
    if not folder.is_dir():
        return
    with _held(folder):
        for private in folder.glob(f"{PREFIX}*"):
            is_own = private.is_dir() and not private.is_symlink() and private.stat().st_uid == os.geteuid()
            if is_own and _is_let_go(private):
                shutil.rmtree(private)


@contextmanager
def _private_folder(folder: Path) -> Iterator[Path]:
    """A new one, held while this process lives and is in the block; no cleaning falls between making and holding it."""
    with ExitStack() as stack:
        with _held(folder):
            private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder)))
            stack.enter_context(_held(private))
        yield private


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Nobody else holds the folder inside the block; the system lets go of it when a process ends, however it ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_let_go(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
