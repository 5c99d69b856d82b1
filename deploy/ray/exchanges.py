"""A client's call as the exchange that goes through the hooks, and its reply as what is sent back.

A body is handed on as TorchServe's worker does it, so that the hooks see the same: JSON and texts that are UTF-8 are
read, whatever charset and coding they declare, and all the rest stays bytes.
"""

import json
from typing import Any

from deploy.ray.calls import Answered, ClientCall
from deploy.ray.forms import FormField, form_fields, is_form
from handler.hooks.exchange import Exchange
from handler.refusal import RefusedError
from handler.wire.framing import EXPLAIN, JSON_TYPE, OWN_ADDRESS


def exchange_of(call: ClientCall) -> Exchange:
    """The exchange; refused where the body is a form that cannot be taken apart."""
    headers = {name.lower(): value for name, value in call.headers} | {EXPLAIN: str(call.address.explain)}
    headers.pop(OWN_ADDRESS, None)
    if not call.address.is_kserve:
        headers[OWN_ADDRESS] = ""
    declared = headers.get("content-type", "")
    try:
        fields = form_fields(declared, call.body) if is_form(declared) else [_whole(declared, call.body)]
    except RefusedError as refused:
        return Exchange(row={}, headers=headers, types={}, id=call.id, refusal=refused.refusal)
    row = {field.name: _read(field) for field in fields}
    return Exchange(row=row, headers=headers, types={field.name: field.media_type for field in fields}, id=call.id)


def answered(exchange: Exchange) -> Answered:
    """What goes back."""
    reply = exchange.reply
    return Answered(reply.status, reply.body, reply.content_type, reply.headers)


def _whole(declared: str, body: bytes) -> FormField:
    return FormField("body", declared.partition(";")[0].strip(), body)


def _read(field: FormField) -> Any:
    try:
        if field.media_type == JSON_TYPE:
            return json.loads(field.value.decode())
        return field.value.decode() if field.media_type.startswith("text") else field.value
    except (ValueError, RecursionError):
        return field.value
