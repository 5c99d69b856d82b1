"""The same texts in every framing that a client may choose: address, content type, charset, coding, mark and shape.

Each is a message as TorchServe hands it over, the texts that are meant by what it declares, and whether it may be
refused. Every text has `MARK` in it, so that it is found wherever it must not be.
"""

import codecs
import gzip
import json
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from handler.wire.paired import PARTS
from tests.contract.service_in_process import Field, Message, at_kserve, grpc, request, tensors

MARK = "s3cret"
FORM = "application/x-www-form-urlencoded"
JSON_TYPES = ("application/json", "application/JSON", "text/json", "application/vnd.any+json")
UNDECLARED = ("", "application/octet-stream")
READ_TYPES = (*JSON_TYPES, *UNDECLARED, "text/plain")
OTHER_TYPES = ("text/csv", "image/png", "application/xml", "text/html")
READ_CHARSETS = (
    "", "utf-8", "UTF8", '"utf-8"', "us-ascii", "iso-8859-1", "windows-1252", "utf-16", "utf-16le", "UTF-16BE",
    "utf-32", "utf-32le",
)  # fmt: skip
OTHER_CHARSETS = ("utf-7", "shift_jis", "cp037", "koi8-r")
READ_CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
}
OTHER_CODINGS = ("br", "zstd", "compress", "base64", "gzip, gzip")
SHAPES = ("plain", "text", "texts", "instances", "inputs", "binary")
BEGINNINGS = ("", "", "", "{", '["', '"', "[sic] ", "\ufeff", "5 ", "é ", "Ã©")
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
texts = st.builds(lambda begin, rest: begin + MARK + rest, st.sampled_from(BEGINNINGS), words)


@dataclass(frozen=True, kw_only=True)
class Framed:
    """One message."""

    message: Message
    texts: tuple[str, ...]
    """What it means."""
    refusals: frozenset[int]
    """Statuses that it may get instead of an answer."""
    answers: bool
    """Whether it may be answered."""
    named: str = ""
    """What a refusal must name."""


def encodable(text: str, charset: str) -> str:
    """The text without what the charset has not."""
    return text.encode(charset, "ignore").decode(charset)


def document_of(shape: str, meant: list[str]) -> Any:
    """The JSON of texts."""
    if shape == "instances":
        return {"instances": [{"text": text} if index % 2 else text for index, text in enumerate(meant)]}
    return {
        "text": {"text": meant[0]},
        "texts": {"texts": meant},
        "inputs": tensors(*meant, parameters={"content_type": "str"}),
    }[shape]


def raw_tensor(meant: Sequence[str], name: str = "text") -> tuple[Any, bytes]:
    """The JSON of a tensor, and its elements as KServe's binary extension has them."""
    elements = [text.encode() for text in meant]
    raw = b"".join(struct.pack("<I", len(element)) + element for element in elements)
    tensor = {"name": name, "shape": [len(meant)], "datatype": "BYTES", "parameters": {"binary_data_size": len(raw)}}
    return {"inputs": [tensor]}, raw


def binary(meant: list[str], *, all_binary: bool = False, **headers: str) -> Message:
    """What Triton's clients send."""
    document, raw = raw_tensor(meant)
    return extended(document, raw, all_binary=all_binary, **headers)


def binary_pairs(pairs: Sequence[tuple[str, str]], **headers: str) -> Message:
    """The same for pairs: two tensors, the bytes of the second behind those of the first."""
    made = [raw_tensor(part, name) for part, name in zip(zip(*pairs, strict=True), PARTS, strict=True)]
    document = {"inputs": [each["inputs"][0] for each, _ in made]}
    return extended(document, b"".join(raw for _, raw in made), all_binary=False, **headers)


def extended(document: Any, raw: bytes, *, all_binary: bool = False, **headers: str) -> Message:
    """A request in KServe's binary extension."""
    head = json.dumps(document | ({"parameters": {"binary_data_output": True}} if all_binary else {})).encode()
    kind = {"Content_Type": "application/octet-stream", "Inference_Header_Content_Length": str(len(head))}
    return request(Field(head + raw, content_type="application/octet-stream"), **kind | headers)


@st.composite
def framed(draw: st.DrawFn) -> Framed:
    """A whole body by REST, in any framing."""
    shape, mime = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(READ_TYPES * 3 + OTHER_TYPES))
    charset = draw(st.sampled_from(READ_CHARSETS * 2 + OTHER_CHARSETS))
    coding = draw(st.sampled_from((*READ_CODINGS, "", "", *OTHER_CODINGS)))
    codec = codecs.lookup((mime and charset.strip('"')) or "utf-8").name  # without a type nothing declares another
    least = 1 if shape in ("plain", "text") else 2
    meant = [encodable(text, codec) for text in draw(st.lists(texts, min_size=least, max_size=least))]
    raw = b""
    if shape == "plain":
        content = meant[0]
    elif shape == "binary":
        document, raw = raw_tensor(meant)
        content = json.dumps(document)
    else:
        content = json.dumps(document_of(shape, meant), ensure_ascii=draw(st.booleans()))
    has_mark = draw(st.booleans()) and codec.startswith("utf") and codec not in ("utf-7", "utf-16", "utf-32")
    head = (("\ufeff" if has_mark else "") + content).encode(codec)
    message = _sent(head + raw, mime, charset, coding)
    if shape == "binary":
        message["headers"]["Inference-Header-Content-Length"] = str(len(head))
    is_kserve = draw(st.booleans())
    if mime == "text/plain":
        meant = [content]
    return Framed(
        message=at_kserve(message) if is_kserve else message,
        texts=tuple(text.lstrip("\ufeff") for text in meant),
        **_expected(shape, mime, charset, coding, content, head, is_kserve=is_kserve),
    )


def _sent(data: bytes, mime: str, charset: str, coding: str) -> Message:
    declared = f"{mime}; charset={charset}" if charset and mime else mime
    headers = {"Content-Type": declared} if declared else {}
    if coding:
        headers["Content-Encoding"] = coding
    body = READ_CODINGS.get(coding, bytes)(data)
    message = request(Field(body, content_type=mime))
    return {**message, "headers": message["headers"] | headers}


def _expected(
    shape: str, mime: str, charset: str, coding: str, content: str, head: bytes, *, is_kserve: bool
) -> dict[str, Any]:
    """What must become of it."""
    if not mime:
        charset = ""  # there is nothing that would declare it
    unread = [(mime, OTHER_TYPES), (charset, OTHER_CHARSETS), (coding, OTHER_CODINGS)]
    named = next((value for value, others in unread if value in others), None)
    if named is not None:
        return _refused(415, named=named)
    if mime == "text/plain":
        return _refused(415) if is_kserve or shape == "binary" else _answered()
    if shape == "plain":  # which may begin like JSON, or have a zero in it
        return _refused(400) if mime in JSON_TYPES or is_kserve else _answered(400, 415)
    other = charset and codecs.lookup(charset.strip('"')).name not in ("utf-8", "ascii")
    return _answered(415) if mime == "application/json" and other and _reads_as_utf_8(head) else _answered()


def _reads_as_utf_8(head: bytes) -> bool:
    """Whether TorchServe reads the JSON, whatever it was written in, and not all of it is ASCII."""
    try:
        return not json.dumps(json.loads(head.decode()), ensure_ascii=False).isascii()
    except ValueError:
        return False


def _refused(*statuses: int, named: str = "") -> dict[str, Any]:
    return {"refusals": frozenset(statuses), "answers": False, "named": named}


def _answered(*statuses: int) -> dict[str, Any]:
    return {"refusals": frozenset(statuses), "answers": True}


@st.composite
def framed_forms(draw: st.DrawFn) -> Framed:
    """A form's fields, or a gRPC call's entries."""
    way = draw(st.sampled_from(["header", "field", "grpc"]))
    charset = "utf-8" if way == "grpc" else draw(st.sampled_from([name for name in READ_CHARSETS if name]))
    codec = codecs.lookup(charset.strip('"')).name
    meant = [encodable(text, codec) for text in draw(st.lists(texts, min_size=1, max_size=2))]
    name = "text" if len(meant) == 1 else draw(st.sampled_from(["texts", "instances"]))
    content = meant[0] if name == "text" else json.dumps(meant, ensure_ascii=draw(st.booleans()))
    stripped = tuple(text.lstrip("\ufeff") for text in meant)
    if way == "grpc":
        return Framed(message=grpc(**{name: content.encode()}), texts=stripped, **_answered())
    fields = [Field(content.encode(codec), name)]
    if way == "field":
        fields.append(Field(charset.strip('"').encode(), "_charset_"))
    kind = f"{FORM}; charset={charset}" if way == "header" else FORM
    message = request(*fields, Content_Type=kind)
    is_kserve = draw(st.booleans())
    return Framed(
        message=at_kserve(message) if is_kserve else message,
        texts=stripped,
        **(_refused(415) if is_kserve else _answered()),
    )


framings: st.SearchStrategy[Framed] = framed() | framed_forms()
