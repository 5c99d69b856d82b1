"""Where a result comes from, in a repository and in a copy without one."""

from collections.abc import Callable

import pytest

from scripts.results import provenance as provenance_module
from scripts.results.provenance import COMMIT, provenance


def git(commit: str | None, changes: str | None) -> Callable[..., str | None]:
    return lambda command, *_: {"rev-parse": commit, "status": changes}[command]


@pytest.mark.parametrize(
    ("commit", "changes", "named", "expected"),
    [
        ("abc", "", None, ("abc", False)),
        ("abc", " M README.md", None, ("abc", True)),
        ("abc", " M README.md", "def", ("abc", True)),  # the repository knows better
        (None, None, "def", ("def", False)),
        (None, None, None, ("unknown", None)),
    ],
)
def test_commit_is_the_repositorys_or_what_the_copys_maker_says(
    monkeypatch: pytest.MonkeyPatch,
    commit: str | None,
    changes: str | None,
    named: str | None,
    expected: tuple[str, bool | None],
) -> None:
    monkeypatch.setattr(provenance_module, "_git", git(commit, changes))
    monkeypatch.delenv(COMMIT, raising=False)
    if named:
        monkeypatch.setenv(COMMIT, named)
    found = provenance()
    assert (found["commit"], found["dirty"]) == expected
    assert {"python", "torch"} <= set(found["versions"])
