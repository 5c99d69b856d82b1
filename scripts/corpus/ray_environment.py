"""Whether Ray is there, and what it reads from the environment at the moment it is imported."""

import os
import secrets
import socket
from importlib.util import find_spec

from scripts.console.errors import LabError

LOOPBACK_SWITCH = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""At 0 Ray takes the loopback address for the machine's, on whatever system. Without it Ray turns a loopback address
that it is given into one that others reach."""
ANSWER_S = 10.0
"""For a cluster to answer."""


def set_ray_environment(address: str | None) -> None:
    """Tell Ray's makers nothing; and let a Ray of one's own be heard on this machine alone, by who knows a token.

    To be called before the first import of Ray. What the operator has set holds.

    Args:
        address: of a cluster, whose own rules hold; None for a Ray of one's own.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # At its errors it warns of what cannot happen here: that a driver forgets what it gave its workers.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if address is None:
        os.environ.setdefault(LOOPBACK_SWITCH, "0")
        if "RAY_AUTH_MODE" not in os.environ:
            os.environ["RAY_AUTH_MODE"] = "token"
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def require_cluster(address: str) -> None:
    """Refuse an address at which nobody answers; Ray itself would try for many minutes.

    Args:
        address: HOST:PORT; another one, such as auto, is Ray's to find.

    Raises:
        LabError: nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise LabError(f"--address must be of a Ray cluster, nobody answers at {address}: {error}") from error


def require_ray() -> None:
    """Refuse to go on without what no other command needs.

    Raises:
        LabError: Ray or pyarrow is not installed.
    """
    missing = [name for name in ("ray", "pyarrow") if find_spec(name) is None]
    if missing:
        raise LabError(f"{' and '.join(missing)} must be installed, is missing: pip install -r requirements-ray.txt")
