"""What keeps all of Ray and Serve on the loopback address where one machine serves by itself: see `deploy.ray.local`."""

import os

LOOPBACK = "127.0.0.1"
SWITCH = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Ray's own: where it is off, Ray's ports listen on loopback alone. Replicas inherit it."""
LOCAL = {
    SWITCH: "0",
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_OFFLINE": "1",
}
"""The environment of a Ray for one machine."""


def keep_to_loopback() -> None:
    """In a replica: the one port that the switch does not reach, which Serve opens on all addresses once it is made.

    Nothing here uses that port; Serve has no setting for its address.
    """
    if os.environ.get(SWITCH) != LOCAL[SWITCH]:
        return
    from ray.serve._private import replica

    add_port = replica.add_port_to_grpc_server
    replica.add_port_to_grpc_server = lambda server, address: add_port(server, address.replace("[::]", LOOPBACK))
