"""Which model and what of it a path asks for: the addresses that TorchServe has, but for its oldest."""

import re
from collections.abc import Mapping

from deploy.ray import server_errors
from deploy.ray.calls import Address, Answered

_OWN = re.compile(r"/(predictions|explanations)/([^/]+)(?:/([^/]+)?(?:/.*)?)?", re.DOTALL)
_KSERVE_1 = re.compile(r"/v1/models/([^/]+):(predict|explain)", re.DOTALL)
_KSERVE_2 = re.compile(r"/v2/models/([^/]+)/(infer|explain)", re.DOTALL)


def directed(path: str, versions: Mapping[str, str]) -> Address | Answered:
    """Which of the models a path asks for, or what is said where it is none.

    Args:
        path: decoded, without the query.
        versions: the one of each model that is served, by the model's name.
    """
    address = address_of(path)
    if address is None:
        return server_errors.no_resource()
    if address.model not in versions:
        return server_errors.no_model(address.model)
    if address.version not in (None, versions[address.model]):
        return server_errors.no_version(address.model, str(address.version))
    return address


def address_of(path: str) -> Address | None:
    """What is asked for; None where there is nothing at this path.

    Args:
        path: decoded, without the query.
    """
    if found := _OWN.fullmatch(path):
        return Address(found[2], found[3], explain=found[1] == "explanations", is_kserve=False)
    if found := _KSERVE_1.fullmatch(path) or _KSERVE_2.fullmatch(path):
        return Address(found[1], None, explain=found[2] == "explain", is_kserve=True)
    return None
