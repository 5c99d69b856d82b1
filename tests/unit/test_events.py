"""The log is JSON lines, and nothing that a client sends can make it anything else."""

import hashlib
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad.events import log_event, sizes, text_hash


@given(texts=st.lists(st.text()), name=st.text())
def test_every_event_is_one_line_of_ascii(texts: list[str], name: str) -> None:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    keep = Keep()
    logging.getLogger("xgraad").addHandler(keep)
    try:
        log_event("loaded", level=logging.ERROR, model=name, odd=object(), **sizes(texts))
    finally:
        logging.getLogger("xgraad").removeHandler(keep)
    (line,) = lines
    assert line.isascii()
    assert line.isprintable()
    assert line.startswith('{"event": "loaded"')
    event = json.loads(line)
    assert event["model"] == name
    assert event["odd"] == "object"
    assert event["n_texts"] == len(texts)
    assert [told["length"] for told in event["texts"]] == [len(text) for text in texts[:16]]


def test_a_hash_is_the_begin_of_sha_256() -> None:
    assert text_hash("a film") == hashlib.sha256(b"a film").hexdigest()[:16] == text_hash(b"a film")
    assert len(text_hash("\ud800")) == 16


def test_the_level_is_the_callers(caplog: pytest.LogCaptureFixture) -> None:
    log_event("x", level=logging.WARNING)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
