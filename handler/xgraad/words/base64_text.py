"""Bytes in a JSON file, as text."""

import base64
from typing import Annotated

from pydantic import AfterValidator


def _require_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError("must be base64") from error
    return text


Base64Text = Annotated[str, AfterValidator(_require_base64)]
"""A field of a `Frozen` record; others are refused."""


def base64_text(content: bytes) -> str:
    """The bytes as a field holds them."""
    return base64.b64encode(content).decode()


def bytes_of(text: str) -> bytes:
    """What `base64_text` was made of."""
    return base64.b64decode(text)
