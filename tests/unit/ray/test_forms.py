"""Forms, as TorchServe 0.12 was seen to take them apart."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.ray.forms import FormField, form_fields, is_form
from handler.refusal import RefusedError

URL = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=XX"


def multipart(*parts: tuple[bytes, bytes], end: bytes = b"--XX--\r\n") -> bytes:
    return b"".join(b"--XX\r\n" + head + b"\r\n\r\n" + value + b"\r\n" for head, value in parts) + end


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"text=a+b%20c&text=d&e=%C3%A9&f", {"text": b"d", "e": b"\xc3\xa9"}),
        (b"text=%e9", {"text": b"\xe9"}),
        (b"text=\xe9\xff", {"text": b"\xe9\xff"}),
        (b"text=a\r\n", {"text": b"a"}),
        (b"text=a;b=c", {"text": b"a;b=c"}),
        (b"text=a=b", {"text": b"a=b"}),
        (b'{"text": "x"}', {}),
        (b"", {}),
    ],
)
def test_url_encoded(body: bytes, fields: dict[str, bytes]) -> None:
    assert {field.name: field.value for field in form_fields(URL, body)} == fields


@pytest.mark.parametrize("body", [b"text=%zz", b"text=%4", b"text=%", b"te%xt=a", b"=x&a=b"])
def test_malformed(body: bytes) -> None:
    with pytest.raises(RefusedError, match="body: is not a form") as refused:
        form_fields(URL, body)
    assert refused.value.refusal.status == 400
    assert refused.value.refusal.kind == "malformed_form"


FILE = b'Content-Disposition: form-data; name="text"; filename="x.txt"\r\nContent-Type: text/plain'


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (multipart((b'Content-Disposition: form-data; name="text"', b"a\r\nb \xff")), [("text", "", b"a\r\nb \xff")]),
        (multipart((FILE, b"ab")), [("text", "text/plain", b"ab")]),
        (
            multipart((b'content-disposition: form-data; name="texts"\r\nContent-Type: application/json', b'["a"]')),
            [("texts", "", b'["a"]')],
        ),
        (multipart(('Content-Disposition: form-data; name="té"'.encode(), b"x")), [("té", "", b"x")]),
        (
            multipart((b'Content-Disposition: form-data; name="text"\r\nContent-Transfer-Encoding: base64', b"YWI=")),
            [("text", "", b"YWI=")],
        ),
        (multipart((FILE, b"ab"), (FILE, b"not closed"), end=b""), [("text", "text/plain", b"ab")]),
        (b"--XX\r\nbroken", []),
        (b"", []),
    ],
)  # fmt: skip
def test_multipart(body: bytes, fields: list[tuple[str, str, bytes]]) -> None:
    assert form_fields(PARTS, body) == [FormField(*field) for field in fields]


def test_a_part_without_a_name() -> None:
    with pytest.raises(RefusedError, match="a part has no name"):
        form_fields(PARTS, multipart((b"Content-Type: text/plain", b"x")))


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (URL, True),
        (f"{URL.upper()}; charset=utf-8", True),
        (PARTS, True),
        ("multipart/form-data", False),  # which nothing could take apart
        ("multipart/mixed; boundary=XX", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_is_form(declared: str, expected: bool) -> None:
    assert is_form(declared) is expected


@given(body=st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: multipart((FILE, data))))
def test_any_bytes_are_fields_or_refused(body: bytes) -> None:
    for declared in (URL, PARTS):
        with suppress(RefusedError):
            assert all(isinstance(field.value, bytes) for field in form_fields(declared, body))
