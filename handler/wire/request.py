"""One row of a batch to a Request, or to a Refusal. Never raises: a bad row must not stop its neighbors.

Nor does a bad text among several: it is refused in its place, and the others are judged. Where none is good, the
request is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from handler.refusal import Refusal, RefusedError, json_type
from handler.settings import Settings
from handler.wire.binary import INPUTS
from handler.wire.charset import UTF_8, decode, without_mark
from handler.wire.fields import HINT, PAIR_FIELD, TEXT_FIELDS, fields_of
from handler.wire.framing import Framing, framing_of
from handler.wire.paired import PARTS, RawPair, beside, require_kind, unwrapped
from handler.wire.tensors import BESIDE, TensorOptions, options_of, texts_of
from handler.xgraad.errors import TextError
from handler.xgraad.words.pair import join_pair, without_separator
from handler.xgraad.words.text import check_text

Each = TypeVar("Each")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_SIGNATURE = {"signature_name": "serving_default"}
"""What clients of TensorFlow's server send beside instances: there is one signature, and this is its name."""


class Shape(StrEnum):
    """How the texts came, and so how the reply goes back."""

    ONE = "text"
    MANY = "texts"
    INSTANCES = "instances"
    INPUTS = INPUTS

    def place(self, index: int) -> str:
        """How messages name the text at `index`."""
        if self is Shape.ONE:
            return self.value
        return f"{self.value}[0].data[{index}]" if self is Shape.INPUTS else f"{self.value}[{index}]"


@dataclass(frozen=True, kw_only=True)
class Request:
    """Texts that can be judged."""

    texts: tuple[str, ...]
    """Without byte order marks, which are no part of them; of a pair both, as `join_pair` joins them."""
    shape: Shape
    explain: bool
    tensor_options: TensorOptions | None = None
    """What tensors came with; None in the other shapes."""
    faults: Mapping[int, Refusal] = field(default_factory=dict)
    """Why there is no answer to the texts that cannot be judged, by their places among all."""

    @property
    def places(self) -> list[int]:
        """Of the texts among all that were sent."""
        return [place for place in range(len(self.texts) + len(self.faults)) if place not in self.faults]

    def in_order(self, answers: Sequence[Each]) -> list[Each | Refusal]:
        """The answers to the texts, and the faults between them."""
        found: dict[int, Each | Refusal] = {**self.faults, **dict(zip(self.places, answers, strict=True))}
        return [found[place] for place in sorted(found)]


def parse_row(
    row: Mapping[str, Any],
    headers: Mapping[str, str],
    settings: Settings,
    types: Mapping[str, str] = _NOTHING,
    *,
    takes_pairs: bool = False,
) -> Request | Refusal:
    """What the client asks, or why it cannot be answered.

    Args:
        row: the batch row.
        headers: the client's, names in lower case; gRPC has none.
        settings: limits.
        types: the declared type of each of the row's values, where the server knows one.
        takes_pairs: whether the model judges pairs of texts, and no single ones.
    """
    try:
        explain = _flag("explain", headers.get("explain", False))
        framing = framing_of(headers, settings)
        fields = fields_of(row, framing, types)
        request = _request(fields, explain=explain, settings=settings, takes_pairs=takes_pairs)
        return _answerable(request, framing)
    except RefusedError as refused:
        return refused.refusal


def _request(fields: Mapping[str, Any], *, explain: bool, settings: Settings, takes_pairs: bool) -> Request:
    unknown = set(fields) - set(TEXT_FIELDS) - {"explain", *_beside(fields)}
    if unknown:
        raise RefusedError(
            422, "unknown_field", f"{len(unknown)} unknown field(s); known: {', '.join(TEXT_FIELDS)}, explain"
        )
    given = [name for name in TEXT_FIELDS if name in fields]
    if len(given) != 1:
        raise RefusedError(422, "missing_text", f"exactly one of {', '.join(TEXT_FIELDS)} is needed; {HINT}")
    shape = Shape(given[0])
    options = options_of(fields) if shape is Shape.INPUTS else None
    texts, faults = _sorted(shape, _texts(shape, fields), settings, takes_pairs=takes_pairs)
    explain = explain or _flag("explain", fields.get("explain", False))
    explain = explain or (options is not None and _flag("parameters.explain", options.explain))
    if explain and settings.detail != "full":
        message = f"explain: explanations are scores, and the setting detail: {settings.detail} tells none"
        raise RefusedError(403, "explanation_withheld", message)
    return Request(texts=texts, shape=shape, explain=explain, tensor_options=options, faults=faults)


def _answerable(request: Request, framing: Framing) -> Request:
    if request.tensor_options and request.tensor_options.binary and framing.is_grpc:
        message = "outputs: gRPC has no header that would say where raw tensors begin; ask for no binary_data"
        raise RefusedError(415, "unsupported_type", message)
    return request


def _beside(fields: Mapping[str, Any]) -> set[str]:
    """What may stand beside the texts."""
    if INPUTS in fields:
        return set(BESIDE)
    if Shape.ONE in fields:
        return {PAIR_FIELD}
    return {name for name, value in _SIGNATURE.items() if "instances" in fields and fields.get(name) in (None, value)}


def _texts(shape: Shape, fields: Mapping[str, Any]) -> tuple[Any, ...]:
    """The texts as they came, one level unwrapped; not yet checked."""
    if shape is Shape.ONE:
        return (beside(fields),)
    value = fields[shape]
    if shape is Shape.INPUTS:
        return texts_of(value)
    if not isinstance(value, list):
        raise RefusedError(422, "wrong_type", f"{shape}: must be a list, got {json_type(value)}")
    return tuple(unwrapped(item, alone=shape is Shape.INSTANCES) for item in value)


def _sorted(
    shape: Shape, texts: tuple[Any, ...], settings: Settings, *, takes_pairs: bool
) -> tuple[tuple[str, ...], dict[int, Refusal]]:
    """The texts that can be judged, and why the others cannot, by their places."""
    if not 1 <= len(texts) <= settings.max_texts:
        raise RefusedError(
            413 if texts else 422, "too_many_texts" if texts else "empty",
            f"{shape}: 1 to {settings.max_texts} texts are allowed, got {len(texts)}",
        )  # fmt: skip
    good: list[str] = []
    errors: dict[int, RefusedError] = {}
    for place, text in enumerate(texts):
        try:
            good.append(_whole(shape.place(place), text, settings, takes_pairs=takes_pairs))
        except RefusedError as error:
            errors[place] = error
    if not good:
        raise errors[0]
    total = sum(map(len, good))
    if total > settings.max_request_chars:
        raise RefusedError(
            413, "too_long", f"{shape}: {settings.max_request_chars} characters are allowed in all, got {total}"
        )
    return tuple(good), {place: error.refusal for place, error in errors.items()}


def _whole(where: str, text: Any, settings: Settings, *, takes_pairs: bool) -> str:
    """A text, or the two of a pair as one string."""
    require_kind(where, text, takes_pairs=takes_pairs)
    try:
        if not isinstance(text, RawPair):
            return without_separator(_text(where, text, settings))
        return join_pair(
            *(_text(_of_part(where, name), part, settings) for name, part in zip(PARTS, text, strict=True))
        )
    except TextError as error:
        raise RefusedError(422, "invalid_unicode", f"{where}: {error}") from None


def _of_part(where: str, name: str) -> str:
    """How messages name one text of a pair: alone each is a field of the request."""
    return name if where == Shape.ONE else f"{where}.{name}"


def _text(where: str, text: Any, settings: Settings) -> str:
    """The text without a byte order mark. Elements of a raw tensor are bytes still."""
    text = decode(where, text, UTF_8) if isinstance(text, bytes) else text
    if not isinstance(text, str):
        raise RefusedError(422, "wrong_type", f"{where}: must be a string, got {json_type(text)}")
    text = without_mark(text)
    if not text.strip():
        raise RefusedError(422, "empty", f"{where}: must not be empty")
    if len(text) > settings.max_chars:
        raise RefusedError(413, "too_long", f"{where}: {settings.max_chars} characters are allowed, got {len(text)}")
    try:
        return check_text(text)
    except TextError as error:
        raise RefusedError(422, "invalid_unicode", f"{where}: {error}") from None


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise RefusedError(422, "wrong_type", f"{name}: must be true or false")
