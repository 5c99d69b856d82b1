"""Keys, and small archives that are signed with them."""

from pathlib import Path

import pytest

from scripts.packing.key_files import signer
from scripts.packing.signature import sign_archive
from tests.unit.packing.key_pairs import write_keys
from tests.unit.test_server import write_archive


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


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A signed archive to change again and again, and the public key."""
    folder = tmp_path_factory.mktemp("sample")
    private, public = write_keys(folder)
    write_archive(folder / "toy.mar")
    sign_archive(folder / "toy.mar", signer(private))
    return folder / "toy.mar", public
