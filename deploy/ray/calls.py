"""What passes between the door and a replica: a client's call, and what is sent back. Light: the door has no model."""

from typing import NamedTuple

Header = tuple[str, str]


class Address(NamedTuple):
    """Where a call goes, as its path tells."""

    model: str
    version: str | None
    """None for whatever version is served."""
    explain: bool
    is_kserve: bool


class ClientCall(NamedTuple):
    """One client's call."""

    id: str
    """Of our making, for the log."""
    address: Address
    headers: tuple[Header, ...]
    """In the order in which they came; of two with one name the last counts."""
    body: bytes


class Answered(NamedTuple):
    """What goes back to a client."""

    status: int
    body: bytes
    content_type: str
    headers: tuple[Header, ...] = ()
