"""What a user types for a model or data set of the hub: NAME@REVISION."""

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

WORD = r"[A-Za-z0-9][A-Za-z0-9._-]*"
ADDRESS = re.compile(
    rf"(?P<name>(?:{WORD}/)?{WORD})@(?P<revision>refs/{WORD}/{WORD}|{WORD})(?:/(?P<path>.+))?", flags=re.DOTALL
)


class HubAddress(NamedTuple):
    """A revision of something, and a place in it."""

    name: str
    """With its owner, such as `someone/model`, or without one."""
    revision: str
    """A commit, tag, branch or ref. Branches with a slash in their name have none here; their commits do."""
    path: str
    """Below its top folder; empty for all of it."""

    def __str__(self) -> str:
        """As it is typed."""
        return f"{self.name}@{self.revision}" + (f"/{self.path}" if self.path else "")


def address_in(text: str | Path) -> HubAddress | None:
    """What a name means on the hub; None for what no name on the hub looks like, or leads out of its folder."""
    found = ADDRESS.fullmatch(str(text))
    if found is None or ".." in PurePosixPath(found["path"] or "").parts:
        return None
    return HubAddress(found["name"], found["revision"], found["path"] or "")
