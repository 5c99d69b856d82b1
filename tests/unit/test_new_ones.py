"""A new format of data and a new serving runtime touch as much as CONTRIBUTING.md says, and no more.

Of architectures `test_architectures.py` shows the same, of defenses `tests/lab/test_defenses.py`, of attacks
`tests/lab/test_every_attack.py`.
"""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from handler.answers.reply import Served
from handler.hooks.exchange import Exchange
from handler.hooks.judging import judge
from handler.hooks.preparing import prepare
from handler.hooks.replying import reply_to
from handler.settings import Settings
from handler.worker.stopwatch import Stopwatch
from handler.xgraad import Defense
from scripts.texts import records
from scripts.texts.corpora import read_samples
from scripts.texts.quoting import Record


def test_a_format_is_a_reader_and_a_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Toy: cells between bars."""
    path = tmp_path / "clean.bars"
    path.write_text("text|label\na gripping film|1\n\na dull plot|0\n")
    assert [sample.text for sample in read_samples(path)][:2] == ["text|label", "a gripping film|1"]  # one text a line

    def bars(text: str, source: records.Source) -> list[Record]:
        return [Record(number, [*line.split("|")]) for number, line in enumerate(text.splitlines(), start=1)]

    monkeypatch.setitem(records.SUFFIXES, ".bars", "bars")  # type: ignore[misc]
    monkeypatch.setitem(records.READERS, "bars", bars)  # type: ignore[misc]
    samples = read_samples(path, classes=("bad", "good"))
    assert [(sample.text, sample.label) for sample in samples] == [("a gripping film", 1), ("a dull plot", 0)]


class ToyRuntime:
    """A WSGI application: what a runtime has to bring is one exchange in, one reply out."""

    def __init__(self, defense: Defense, settings: Settings) -> None:
        self._defense, self._settings = defense, settings

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read()
        headers = {"content-type": environ.get("CONTENT_TYPE", "")}
        came = [Exchange(row={"body": body}, headers=headers, types={}, id="1")]
        stopwatch = Stopwatch()
        prepared = prepare(came, self._defense, self._settings, stopwatch)
        judged = judge(prepared, self._defense, self._settings, stopwatch)
        ((reply),) = (each.reply for each in reply_to(judged, Served("toy", None), self._settings, stopwatch))
        start_response(str(reply.status), [("Content-Type", reply.content_type), *reply.headers])
        return [reply.body]


def test_a_runtime_is_one_exchange_in_and_one_reply_out(flag_all: Any) -> None:
    runtime = ToyRuntime(flag_all("delete"), Settings())
    told: list[tuple[str, Any]] = []

    def asked(body: bytes) -> Any:
        environ = {"wsgi.input": io.BytesIO(body), "CONTENT_TYPE": "application/json"}
        return json.loads(b"".join(runtime(environ, lambda status, headers: told.append((status, headers)))))

    assert asked(b'{"text": "a gripping cf film"}')["defense"]["flagged"]
    assert asked(b'{"texts": ["a cf film", 7]}')[1]["error"]["code"] == 422
    assert "error" in asked(b"not json")
    assert [status[:3] for status, _ in told] == ["200", "200", "400"]
