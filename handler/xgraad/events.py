"""The log: one JSON line per event, whatever it tells of.

TorchServe reads a worker's output line by line and takes some lines for commands and metrics; so nothing may break a
line or begin one. JSON in ASCII does neither. No event holds a user's text: request ids, lengths, hashes, places in
code. Whoever has a text can find the lines about it; what a short one was can be guessed from its hash, so logs are for
operators only.
"""

import hashlib
import json
import logging
from collections.abc import Iterable
from typing import Any

_log = logging.getLogger("xgraad")
HASH_DIGITS = 16


def log_event(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Write an event as one line: `{"event": ..., ...}`. Values that JSON has no form for are told by their type."""
    line = json.dumps({"event": event, **fields}, default=lambda value: type(value).__name__)
    _log.log(level, "%s", line)


def text_hash(text: str | bytes) -> str:
    """What tells a text from others without telling it: the begin of its SHA-256."""
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(content).hexdigest()[:HASH_DIGITS]


def sizes(texts: Iterable[str | bytes], *, most: int = 16) -> dict[str, Any]:
    """How many texts, and of the first of them length and hash."""
    given = list(texts)
    told = [{"length": len(text), "hash": text_hash(text)} for text in given[:most]]
    return {"n_texts": len(given), "texts": told}
