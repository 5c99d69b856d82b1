"""What a value of config.json may be, with the words that say so."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from transformers.activations import ACT2FN

FLOATS = ("float32", "float16", "bfloat16", "float64")
"""Names of the number formats that weights may have."""
WINDOWS = ("full_attention", "sliding_attention")
"""Kinds of layers: of the second a token sees those near it alone."""


class ValueRule(NamedTuple):
    """A test of a value, and its words after "must be"."""

    words: str
    holds: Callable[[Any], bool]

    def or_null(self) -> "ValueRule":
        """The same rule, with null allowed."""
        return ValueRule(f"{self.words} or null", lambda value: value is None or self.holds(value))


def whole(least: int, most: int) -> ValueRule:
    """A whole number between two others, both included."""
    return ValueRule(
        f"a whole number from {least} to {most}", lambda value: _is_whole(value) and least <= value <= most
    )


SHARE = ValueRule("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
EPSILON = ValueRule("a number above 0 and at most 1", lambda value: _is_number(value) and 0 < value <= 1)
POSITIVE = ValueRule("a number above 0", lambda value: _is_number(value) and value > 0)
FLAG = ValueRule("true or false", lambda value: isinstance(value, bool))
TOKEN = ValueRule("the id of a token, a whole number from 0", lambda value: _is_whole(value) and value >= 0)
ACTIVATION = ValueRule(
    "the name of an activation function, such as gelu", lambda value: isinstance(value, str) and value in ACT2FN
)
NUMBER_TYPE = ValueRule(f"one of {', '.join(FLOATS)}", lambda value: isinstance(value, str) and value in FLOATS)
POSITION_ATTENTION = ValueRule(
    "null or of c2p and p2c, as a list or with | between them", lambda value: _parts(value) <= {"c2p", "p2c"}
)

POSITION_NORM = ValueRule("none or layer_norm", lambda value: value in ("none", "layer_norm"))

LAYER_TYPES = ValueRule(
    "null or a list of full_attention and sliding_attention, one for each layer",
    lambda value: value is None or (isinstance(value, list) and all(each in WINDOWS for each in value)),
)
BASE = ValueRule("a number from 1 to 1e12", lambda value: _is_number(value) and 1 <= value <= 1e12)
ROTATION = ValueRule(
    "null or of rope_type, which must be default, and rope_theta, a number from 1 to 1e12",
    lambda value: value is None or _is_rotation(value),
)
ROTATIONS = ValueRule(
    "null or of full_attention and sliding_attention, each of rope_type, which must be default, and rope_theta, a "
    "number from 1 to 1e12",
    lambda value: value is None or _are_rotations(value),
)


def one_of(*names: str) -> ValueRule:
    """One of some strings."""
    return ValueRule(f"one of {', '.join(names)}", lambda value: isinstance(value, str) and value in names)


def only_null(why: str) -> ValueRule:
    """A key that must not be used, with the reason and the way out."""
    return ValueRule(f"null or absent ({why})", lambda value: value is None)


def _is_rotation(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) <= {"rope_type", "rope_theta"}
        and value.get("rope_type", "default") == "default"
        and BASE.holds(value.get("rope_theta", 1))
    )


def _are_rotations(value: Any) -> bool:
    return isinstance(value, dict) and all(kind in WINDOWS and _is_rotation(value[kind]) for kind in value)


def _parts(value: Any) -> set[str]:
    """The ways of attention to positions that a value names; of a value that names none, itself in words."""
    if value is None:
        return set()
    parts = value.lower().split("|") if isinstance(value, str) else value
    return {str(part).strip() for part in parts} if isinstance(parts, list) else {repr(value)}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
