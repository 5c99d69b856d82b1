"""The door: HTTP requests in, to the model that each asks for, and what it answers out; or why none does.

Whatever goes wrong here has a status and a line of its own, and never a text: nothing of a request is logged.
"""

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPMethod, HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from ray import serve
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError
from starlette.requests import Request
from starlette.responses import Response

from deploy.ray import server_errors
from deploy.ray.addresses import directed
from deploy.ray.calls import Address, Answered, ClientCall
from deploy.ray.ports import keep_to_loopback
from handler.xgraad.events import log_event

MOST_BYTES = 2**20
"""Of a body, as config.properties has it for TorchServe."""
METHODS = frozenset(HTTPMethod) - {HTTPMethod.OPTIONS, HTTPMethod.TRACE, HTTPMethod.CONNECT}
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
NOT_STORED = {"cache-control": "no-cache, no-store, must-revalidate, private", "pragma": "no-cache"}


class Door:
    """Serve's ingress.

    Args:
        models: handle of each model's deployment, by the model's name.
        versions: the one of each model that is served.
        totals: handle of the deployment that adds up metrics.
    """

    def __init__(self, models: Mapping[str, Any], versions: Mapping[str, str], totals: Any) -> None:
        keep_to_loopback()
        self._models, self._versions, self._totals = models, versions, totals

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        found = await self._answered(request)
        headers = NOT_STORED | dict(found.headers)
        if found.content_type:
            headers["content-type"] = found.content_type
        return Response(found.body, found.status, headers)

    async def _answered(self, request: Request) -> Answered:
        path = request.scope["path"]
        if request.method not in METHODS:
            return server_errors.no_method()
        if path == "/ping":
            return await asyncio.to_thread(health, list(self._models))
        if path == "/metrics":
            return Answered(HTTPStatus.OK, await self._totals.page.remote(), EXPOSITION)
        address = directed(path, self._versions)
        return address if isinstance(address, Answered) else await self._read(request, address)

    async def _read(self, request: Request, address: Address) -> Answered:
        body = await body_of(request)
        if body is None:
            return server_errors.too_large()
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.scope["headers"])
        return await self._asked(ClientCall(id_of(request), address, headers, body))

    async def _asked(self, call: ClientCall) -> Answered:
        model = call.address.model
        try:
            found: Answered = await self._models[model].answer.remote(call)
        except BackPressureError:
            return server_errors.no_room(model)
        except (RayActorError, DeploymentUnavailableError):
            return server_errors.lost(model)
        except Exception as error:  # Broad on purpose: Serve would show a client, and its log, whatever the error says.
            log_event("door_failed", level=logging.ERROR, model=model, type=type(error).__name__)
            return server_errors.failed(model)
        return found


def id_of(request: Request) -> str:
    """The id that Serve gives a request and shows its client; another where the client chose one that may be a text."""
    try:
        return str(UUID(request.headers.get("x-request-id", "")))
    except ValueError:
        return str(uuid4())


async def body_of(request: Request) -> bytes | None:
    """The whole body; None where it is larger than `MOST_BYTES`, of which no more is kept."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def health(models: list[str]) -> Answered:
    """Healthy while each model has a replica that passed its canary."""
    running = {
        name: deployment.replica_states.get("RUNNING", 0)
        for application in serve.status().applications.values()
        for name, deployment in application.deployments.items()
    }
    missing = [model for model in models if not running.get(model)]
    status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
    word = "Unhealthy" if missing else "Healthy"
    return Answered(status, f'{{\n  "status": "{word}"\n}}\n'.encode(), "application/json")
