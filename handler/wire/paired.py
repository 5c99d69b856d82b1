"""Texts of a request that come in pairs: two fields, two entries of an object, or two tensors."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from handler.refusal import RefusedError
from handler.wire.fields import PAIR_FIELD

FIRST_FIELD = "text"
PARTS = (FIRST_FIELD, PAIR_FIELD)
"""How replies name the texts of a pair, as requests do."""


class RawPair(NamedTuple):
    """Two texts that belong together, as they came; not yet checked."""

    first: Any
    second: Any


def unwrapped(item: Any, *, alone: bool) -> Any:
    """One of a list of texts: what an object of two, or where `alone` is set of one, holds; else it is as it came."""
    if alone and isinstance(item, dict) and set(item) == {FIRST_FIELD}:
        return item[FIRST_FIELD]
    if isinstance(item, dict) and set(item) == {*PARTS}:
        return RawPair(item[FIRST_FIELD], item[PAIR_FIELD])
    return item


def beside(fields: Mapping[str, Any]) -> Any:
    """The text of a request that holds one, with the second text that stands beside it."""
    return RawPair(fields[FIRST_FIELD], fields[PAIR_FIELD]) if PAIR_FIELD in fields else fields[FIRST_FIELD]


def require_kind(where: str, text: Any, *, takes_pairs: bool) -> None:
    """Let a model have nothing but what it judges, pairs or single texts.

    Raises:
        RefusedError: it is the other.
    """
    if isinstance(text, RawPair) == takes_pairs:
        return
    if takes_pairs:
        message = f'{where}: this model judges pairs of texts; send {{"text": "...", "text_pair": "..."}}'
        raise RefusedError(422, "missing_text_pair", message)
    raise RefusedError(422, "unknown_field", f"{where}: this model judges single texts; leave {PAIR_FIELD} out")
