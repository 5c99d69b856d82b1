"""What the JSON files beside a checkpoint have in common: they are strict, and a fault in one is told by its place."""

from pydantic import ValidationError


def first_fault(error: ValidationError) -> str:
    """Where the first fault is, and which rule it breaks. Never the value, which comes from a stranger."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "file"
    return f"{where}: {first['msg']}"
