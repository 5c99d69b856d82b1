"""The one place that asks a hub: files of one commit, in the cache that all programs with the hub's client share."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import huggingface_hub

from handler.xgraad.errors import reason
from scripts.console.command_line import note
from scripts.console.errors import LabError
from scripts.hub.address import HubAddress

OFFLINE = "HF_HUB_OFFLINE"
"""Environment variable of the hub's client. It is online where nobody sets it; the commands are not."""
ONLINE_VALUES = ("0", "false", "no", "off")
COMMIT = re.compile(r"[0-9a-f]{40}")


def is_online() -> bool:
    """Whether the user turned the hub on."""
    return os.environ.get(OFFLINE, "").strip().casefold() in ONLINE_VALUES


def snapshot(
    address: HubAddress, *, kind: Literal["dataset", "model"], patterns: Sequence[str], below: bool, what: str
) -> Path:
    """The folder of one commit, named after it. A note tells the commit that a tag or branch stands for.

    Args:
        address: what to fetch; its path is left to the caller.
        kind: what it is on the hub.
        patterns: of the files to fetch, such as `*.json`; no others are.
        below: whether files in folders are fetched, too.
        what: where the address was typed, for messages.

    Raises:
        LabError: the hub is off and its cache lacks the revision, or the hub does not give it out.
    """
    try:
        found = huggingface_hub.snapshot_download(
            address.name,
            repo_type=kind,
            revision=address.revision,
            allow_patterns=list(patterns),
            ignore_patterns=None if below else ["*/*"],
            local_files_only=not is_online(),
        )
    except Exception as error:  # whatever the network, its libraries and the disk may raise
        raise LabError(_refusal(address, what, error)) from error
    folder = Path(str(found))
    _require_commit(folder.name, address, what)
    if folder.name != address.revision:
        note(f"{what} {address}: is commit {folder.name}")
    return folder


def _refusal(address: HubAddress, what: str, error: Exception) -> str:
    if is_online():
        return f"{what} {address}: must be a name and revision that the hub gives out, is not: {reason(error)}"
    return (
        f"{what} {address}: is no path here and not in the hub's cache, and the hub is off; "
        f"{OFFLINE}=0 in the environment turns it on"
    )


def _require_commit(found: str, address: HubAddress, what: str) -> None:
    """Refuse files of which nobody can say what they are."""
    if not COMMIT.fullmatch(found) or (COMMIT.fullmatch(address.revision) and found != address.revision):
        raise LabError(f"{what} {address}: must lead to a commit of 40 hexadecimal digits and to no other; name one")
