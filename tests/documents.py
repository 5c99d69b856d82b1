"""JSON documents taken apart: their floats, and the rest."""

from typing import Any


def without_floats(value: Any) -> Any:
    """A document with "float" in place of each: what must not depend on the neighbors at all."""
    if isinstance(value, dict):
        return {name: without_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_floats(inner) for inner in value]
    return "float" if isinstance(value, float) else value


def floats(value: Any) -> list[float]:
    """All of a document's floats, in order."""
    if isinstance(value, dict):
        return floats(list(value.values()))
    if isinstance(value, list):
        return [number for inner in value for number in floats(inner)]
    return [value] if isinstance(value, float) else []
