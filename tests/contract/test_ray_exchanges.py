"""The same requests by HTTP, as the application on Ray Serve reads them: the same texts, refusals and bytes, no Ray."""

import json
from collections import Counter
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings

from deploy.ray.calls import Address, ClientCall
from deploy.ray.exchanges import answered, exchange_of
from handler.wire.request import Request, parse_row
from tests.contract import test_wire
from tests.contract.parsing import LIMITS, Parse
from tests.contract.service_in_process import Answer, Message, Worker
from tests.contract.test_wire import FORM, FORMS, PINNED, POLICIES, set_up, told
from tests.framings import Framed, framings

scripted = test_wire.scripted


def call_of(message: Message) -> ClientCall | None:
    """The HTTP call that TorchServe's frontend makes such a message of; None for gRPC."""
    marks = {name: value for name, value in message["headers"].items() if name in ("explain", "url_path")}
    if not marks:
        return None
    headers = {name: value for name, value in message["headers"].items() if name not in marks}
    address = Address("toy", None, explain=marks["explain"].lower() == "true", is_kserve="url_path" not in marks)
    fields = message["fields"]
    if not fields:  # an empty form is the one body without a field
        headers["Content-Type"] = FORM
    if headers.get("Content-Type", "").lower().startswith(FORM):
        body = urlencode([(field.name, field.value) for field in fields]).encode()
    else:
        body = fields[0].value
    return ClientCall("id", address, tuple(headers.items()), body)


CALLS = {form: call for form, message in FORMS.items() if (call := call_of(message))}


def pinned() -> dict[tuple[str, str], dict[str, object]]:
    """What a TorchServe client gets, by form and settings."""
    rows = [json.loads(line) for line in PINNED.read_text().splitlines()]
    return {(row["form"], settings): row["reply"] for row in rows for settings in row["settings"]}


@pytest.mark.parametrize(("on_trigger", "detail"), POLICIES)
@pytest.mark.parametrize("on_error", ["fail_closed", "fail_open"])
def test_the_bytes_are_those_of_torchserve(scripted: Worker, on_trigger: str, detail: str, on_error: str) -> None:
    worker, expected = set_up(scripted, on_trigger=on_trigger, detail=detail, on_error=on_error), pinned()
    exchanges = worker.handler.answer([exchange_of(call) for call in CALLS.values()])
    for form, exchange in zip(CALLS, exchanges, strict=True):
        found, wanted = answered(exchange), expected[form, f"{on_trigger}, {detail}, {on_error}"]
        headers = {"content-type": found.content_type, **dict(found.headers)}
        reply = told(Answer("id", found.content_type, found.status, "", found.body, headers))
        assert reply["line"].split()[0] == str(wanted["line"]).split()[0], form
        assert {**reply, "line": wanted["line"]} == wanted, form


def test_most_forms_have_a_call_by_http() -> None:
    """Sanity arm: what is left out is gRPC alone."""
    assert set(FORMS) - set(CALLS) == {form for form in FORMS if form.startswith("gRPC")}
    assert len(CALLS) > 30


def test_any_framing_is_read_as_torchserve_reads_it(parse: Parse) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=600, suppress_health_check=list(HealthCheck), deadline=None)
    @given(case=framings)
    def hold(case: Framed) -> None:
        call = call_of(case.message)
        if call is None:
            return
        exchange = exchange_of(call)
        found = parse_row(exchange.row, exchange.headers, LIMITS, exchange.types)
        assert found == parse(case.message)
        seen["answered" if isinstance(found, Request) else found.kind] += 1

    hold()
    assert seen["answered"] > 60
    assert set(seen) >= {"unsupported_type", "unsupported_charset", "unsupported_encoding"}


def test_a_form_that_is_none_is_refused_and_costs_its_neighbors_nothing(scripted: Worker) -> None:
    worker = set_up(scripted)
    evil = ClientCall("id", CALLS["form"].address, (("content-type", FORM),), b"text=s3cret%zz")
    refused, good = map(answered, worker.handler.answer([exchange_of(evil), exchange_of(CALLS["text"])]))
    assert (refused.status, json.loads(refused.body)["error"]["type"]) == (400, "malformed_form")
    assert b"s3cret" not in refused.body
    assert good.status == 200


def test_a_clients_own_marks_are_no_marks() -> None:
    """`explain` and `url_path` say what the address says, whatever a client sends under these names."""
    for is_kserve in (False, True):
        address = Address("toy", None, explain=False, is_kserve=is_kserve)
        exchange = exchange_of(ClientCall("id", address, (("Explain", "True"), ("URL_Path", "x")), b"a film"))
        assert exchange.headers["explain"] == "False"
        assert ("url_path" in exchange.headers) is not is_kserve
