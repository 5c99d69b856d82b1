"""The one port of a replica that Ray's own switch does not put on the loopback address."""

import os

from ray.serve._private import replica

from deploy.ray.loopback import LOCAL, LOOPBACK, SWITCH


def keep_to_loopback() -> None:
    """In a replica of a machine that serves by itself: Serve is about to open a port on all addresses.

    Nothing here uses that port, and Serve has no setting for its address.
    """
    if os.environ.get(SWITCH) != LOCAL[SWITCH]:
        return
    add_port = replica.add_port_to_grpc_server
    replica.add_port_to_grpc_server = lambda server, address: add_port(server, address.replace("[::]", LOOPBACK))
