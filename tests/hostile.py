"""Requests that nobody should send, as TorchServe hands them over; generated for Hypothesis. And a few good ones.

A message is what `tests.contract.service_in_process` puts on the wire: fields and headers. Every text of a stranger
begins with `MARK`, so that it is found wherever it must not be.
"""

import gzip
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests import framings
from tests.contract.service_in_process import Field, Message, at_kserve, grpc, plain, post, request, tensors
from tests.contract.test_page import BROWSER, FORM, opened, typed
from tests.toys import SENTENCES

MARK = framings.MARK
MAX_CHARS, MAX_TEXTS = 400, 4
"""Limits of the server that gets these messages: low, so that to break them is cheap."""

GOOD: tuple[Message, ...] = (
    post({"text": SENTENCES[0]}),
    post({"text": SENTENCES[1]}, explain="True"),
    post({"texts": SENTENCES[2:4]}),
    post({"instances": [{"text": SENTENCES[4]}, SENTENCES[5]]}),
    plain(SENTENCES[6]),
    request(Field(SENTENCES[7].encode(), "text"), Content_Type=FORM),
    post(tensors(*SENTENCES[1:3], id="one")),
    post(tensors(SENTENCES[4], id="two"), explain="True"),
    grpc(text=SENTENCES[0].encode(), explain=b"true"),
    grpc(body=json.dumps({"texts": SENTENCES[:2]}).encode()),
    typed(SENTENCES[3]),
    opened(),
    post(gzip.compress(json.dumps({"text": SENTENCES[5]}).encode()), Content_Encoding="gzip"),
    request(
        Field(SENTENCES[2].encode("utf-16le"), content_type="text/plain"), Content_Type="text/plain;charset=utf-16le"
    ),
    request(Field(json.dumps({"texts": ["", SENTENCES[6], 5]}).encode())),
    at_kserve(framings.binary(list(SENTENCES[3:5]))),
    at_kserve(framings.binary([SENTENCES[7]], all_binary=True)),
)
"""Each of another way or text, so that an answer in the wrong place is seen."""


def pair(first: int, second: int) -> dict[str, str]:
    return {"text": SENTENCES[first], "text_pair": SENTENCES[second]}


def pair_tensors(*pairs: dict[str, str], **beside: Any) -> dict[str, Any]:
    """Two tensors of KServe's, the second texts first: order says nothing."""
    parts = {name: [each[name] for each in pairs] for name in ("text_pair", "text")}
    made = [{"name": name, "shape": [len(pairs)], "datatype": "BYTES", "data": each} for name, each in parts.items()]
    return {"inputs": made, **beside}


GOOD_PAIRS: tuple[Message, ...] = (
    post(pair(0, 1)),
    post(pair(1, 2), explain="True"),
    post({"texts": [pair(2, 3), pair(3, 2)]}),
    post({"instances": [pair(4, 5), pair(5, 6)]}),
    request(*(Field(text.encode(), name) for name, text in pair(7, 0).items()), Content_Type=FORM),
    post(pair_tensors(pair(1, 2), pair(2, 4), id="one")),
    grpc(**{name: text.encode() for name, text in pair(0, 7).items()}, explain=b"true"),
    grpc(body=json.dumps({"texts": [pair(6, 1)]}).encode()),
    request(
        *(Field(text.encode(), name) for name, text in pair(3, 6).items()),
        explain="True", Accept=BROWSER, Content_Type=FORM,
    ),
    opened(),
    post(gzip.compress(json.dumps(pair(5, 0)).encode()), Content_Encoding="gzip"),
    post({"texts": [SENTENCES[6], pair(6, 5), {"text": "", "text_pair": "a"}]}),
    at_kserve(framings.binary_pairs([(SENTENCES[3], SENTENCES[4]), (SENTENCES[5], SENTENCES[1])])),
)  # fmt: skip
"""The same for a model of pairs."""

PIECES = (
    "\x00", "\x1b[31m", "\r\n", "\u2028", "\u200b", "\u200d\ufeff", "\u202e", "\u2066\u2069", "\ud800", "\udfff",
    "\ufdd0", "\U0001f600", "e\u0301", "中文", " ", "cf", "[SEP]", "[PAD]", "##", "nan", "CUDA", "%s%n{0}", "'\"\\",
    "<script>alert(1)</script>", "</textarea><img src=x onerror=alert(1)>", "{{ 7 * 7 }}",
    "\n[METRICS]evil.Count:1|#Level:Model|#hostname:x,1\n",
    "\n[PID]99999999999999999\n", "\nTorch worker started.\n", "x" * (MAX_CHARS + 1), "plot " * 70,
)  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=5).map(lambda parts: MARK + "".join(parts))
NAMES = ("text", "text_pair", "texts", "instances", "inputs", "explain", "id", "parameters", "outputs", "body", "data")
names = st.sampled_from(NAMES) | texts
blanks = st.sampled_from(["", " ", "\t\n", "\u3000"])
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | texts | blanks | st.integers().map(lambda n: n * 10**400)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=MAX_TEXTS + 1) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


def deep(opening: str, closing: str) -> bytes:
    """JSON or nearly so, 10,000 levels down."""
    return (opening * 10_000 + json.dumps(MARK) + closing * 10_000).encode()


DEEP = (
    deep("[", "]"),
    deep('{"text":', "}"),
    deep('{"instances":[', "]}"),
    deep("[", ""),
    b'{"texts": ' + deep("[", "]") + b"}",
)
pairs = st.fixed_dictionaries({"text": texts | values, "text_pair": texts | values})
inputs = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["text", "text_pair"]) | texts,
        "shape": st.lists(st.integers(-1, 5), max_size=3),
        "datatype": st.just("BYTES") | scalars,
    },
    optional={"data": st.lists(texts | values, max_size=MAX_TEXTS + 1), "parameters": values, "more": values},
)
inferences = st.fixed_dictionaries(
    {"inputs": st.lists(inputs, min_size=1, max_size=2)},
    optional={"id": texts | values, "parameters": values, "outputs": values, "explain": values},
)
documents = st.one_of(
    values,
    st.dictionaries(names, values, max_size=3),
    st.fixed_dictionaries({"text": texts | values}, optional={"explain": st.booleans() | values}),
    pairs,
    st.fixed_dictionaries({"text": texts, "text_pair": texts}, optional={"explain": st.booleans() | values}),
    st.fixed_dictionaries({"texts": st.lists(texts, max_size=MAX_TEXTS + 1)}),
    st.fixed_dictionaries({"texts": st.lists(pairs | texts, max_size=MAX_TEXTS + 1)}),
    st.fixed_dictionaries(
        {"instances": st.lists(texts | st.fixed_dictionaries({"text": texts}) | pairs | values, max_size=MAX_TEXTS + 1)}
    ),
    inferences,
)


def encoded(text: str) -> bytes:
    """Lone surrogates become bytes that are not UTF-8."""
    return text.encode("utf-8", "surrogatepass")


@st.composite
def cut(draw: st.DrawFn) -> bytes:
    """JSON that ends too early, or has a byte too many somewhere."""
    whole = json.dumps({"text": draw(texts)}).encode()
    place = draw(st.integers(0, len(whole) - 1))
    return whole[:place] + draw(st.binary(max_size=2)) + (whole[place:] if draw(st.booleans()) else b"")


raw = st.one_of(
    documents.map(lambda document: json.dumps(document).encode()),
    st.builds(tensors, texts, texts, id=texts).map(lambda document: json.dumps(document).encode()),
    st.lists(st.fixed_dictionaries({"text": texts, "text_pair": texts}), min_size=1, max_size=MAX_TEXTS + 1).map(
        lambda each: json.dumps(pair_tensors(*each)).encode()
    ),
    texts.map(encoded),
    cut(),
    st.binary(max_size=20).map(lambda junk: MARK.encode() + junk),
    st.sampled_from(
        [*DEEP, b"", b"\xef\xbb\xbf{}", b"null", b"NaN", b"1e999", b"\xff\xfe{\x00}\x00", b'{"text": "a", "text": 5}']
    ),
)
TYPES = (
    "application/json",
    "text/plain",
    "text/html; charset=latin-1",
    "application/octet-stream",
    "image/png",
    FORM,
    "",
    "json/",
)
HEADERS = (
    "describe",
    "Describe",
    "explain",
    "EXPLAIN",
    "Accept",
    "accept",
    "Content-Type",
    "X-Request-Id",
    "Content-Encoding",
    "Transfer-Encoding",
    "Inference-Header-Content-Length",
)
header_values = (
    st.sampled_from(
        ["True", "False", "true", BROWSER, "text/html", "*/*", "text/html;q=9,;q=", "gzip", "deflate", "7", *TYPES]
    )
    | texts
)
headers = st.dictionaries(
    st.sampled_from(HEADERS) | texts,
    header_values.map(lambda value: encoded(value).decode("utf-8", "replace")),
    max_size=3,
)


pairs_of_bytes = st.fixed_dictionaries({"text": texts.map(encoded), "text_pair": raw})


@st.composite
def raw_pairs(draw: st.DrawFn) -> Message:
    """Two tensors as bytes behind the JSON, some of them cut or too long."""
    some = draw(st.lists(st.tuples(*[texts.map(printable)] * 2), min_size=1, max_size=MAX_TEXTS + 1))
    message = framings.binary_pairs(some)
    (field,) = message["fields"]
    cut_off = draw(st.sampled_from([0, 0, 1, 9]))
    changed = field.value[: len(field.value) - cut_off] + draw(st.sampled_from([b"", b"", b"\x00", b"\xff" * 5]))
    return {**message, "fields": [field._replace(value=changed)]}


@st.composite
def strangers(draw: st.DrawFn) -> Message:
    """One request, by REST to any address, by form, by browser or by gRPC, in any framing or in none."""
    explain = draw(st.sampled_from(["True", "False"]))
    way = draw(st.sampled_from(["json", "json", "typed", "form", "page", "grpc", "framed", "framed", "raw pairs"]))
    if way == "raw pairs":
        return draw(raw_pairs())
    if way == "framed":
        message: Message = draw(framings.framings).message
        return {**message, "headers": message["headers"] | draw(st.just({}) | sent_headers(message))}
    if way == "json":
        message = post(draw(raw), explain=explain)
    elif way == "typed":
        kind = draw(st.sampled_from(TYPES))
        message = request(Field(draw(raw), content_type=kind), Content_Type=kind, explain=explain)
    elif way == "page":
        message = draw(st.just(opened()) | st.builds(typed, raw))
    else:
        entries = draw(st.dictionaries(names.map(printable), raw, max_size=3) | pairs_of_bytes)
        if way == "grpc":
            return grpc(**entries)
        message = request(*(Field(value, name) for name, value in entries.items()), Content_Type=FORM, explain=explain)
    if way != "page" and draw(st.booleans()):
        message = at_kserve(message)
    return {**message, "headers": message["headers"] | draw(sent_headers(message))}


def sent_headers(message: Message) -> st.SearchStrategy[dict[str, str]]:
    """What a stranger may add; gRPC has no headers."""
    return headers.map(lambda given: {printable(n): v for n, v in given.items()} if message["headers"] else {})


def printable(name: str) -> str:
    """Names reach a worker as UTF-8, whatever was sent."""
    return encoded(name).decode("utf-8", "replace")


def asks_for_a_page(message: Message) -> bool:
    """Whether HTML may come back."""
    return any("text/html" in value for name, value in message["headers"].items() if name.lower() == "accept")


Member = int | Message
"""A number is that of a good message."""
Crowd = list[Member]


def members_of(good: Sequence[Message]) -> st.SearchStrategy[Member]:
    """Good messages, by their numbers, and those of strangers."""
    return st.integers(0, len(good) - 1) | strangers()


members = members_of(GOOD)


DEEP_CROWD: Crowd = [
    0,
    *map(post, DEEP),
    *(request(Field(content, content_type="text/json"), Content_Type="text/json") for content in DEEP),
    *(request(Field(content, "texts"), Content_Type=FORM) for content in DEEP),
    *(request(Field(content, "body"), Content_Type=FORM) for content in DEEP),
    *(grpc(body=content) for content in DEEP),
    1,
]
"""What is generated too seldom to be relied on."""


def messages(crowd: Crowd, good: Sequence[Message] = GOOD) -> list[Message]:
    """What is sent."""
    return [good[member] if isinstance(member, int) else member for member in crowd]


def strict_json(body: bytes | str) -> Any:
    """The document, which must not hold what JSON has no form for."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(body, parse_constant=refuse)
