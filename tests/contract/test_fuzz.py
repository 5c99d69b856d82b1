"""Thousands of generated requests through the real `ts.service.Service`, in batches with good ones among them."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.contract.service_in_process import Answer, Field, Message, Worker, post, request, unpacked
from tests.contract.test_page import HTML, opened
from tests.contract.test_policies import same
from tests.hostile import (
    DEEP,
    DEEP_CROWD,
    GOOD,
    GOOD_PAIRS,
    MARK,
    MAX_CHARS,
    MAX_TEXTS,
    Crowd,
    asks_for_a_page,
    members_of,
    messages,
    strangers,
    strict_json,
)
from tests.pages import ReadPage
from tests.properties.test_page import ATTRIBUTES, TAGS
from tests.unit.test_server import PROFILE, properties

LIMIT = int(properties(PROFILE)["max_response_size"])
OCTETS, JSON_LENGTH = "application/octet-stream", "Inference-Header-Content-Length"
LEAST, MOST = 4, 8
"""Requests of a batch; one more is sent alone."""
SINGLE, PAIRS, SEVERAL = "", " of pairs", " of several labels"
"""What a model judges, as its row says it."""
ROUNDS = [
    *(pytest.param(rule, SINGLE, 200, id=rule) for rule in ("paper", "conformal", "verified")),
    pytest.param("verified", PAIRS, 200, id="pairs"),
    pytest.param("verified", SEVERAL, 200, id="several-labels"),
    pytest.param("paper", SINGLE, 4_000, id="paper-long", marks=pytest.mark.slow),
    pytest.param("conformal", SINGLE, 4_000, id="conformal-long", marks=pytest.mark.slow),
    pytest.param("verified", SINGLE, 12_000, id="verified-long", marks=pytest.mark.slow),
    pytest.param("verified", PAIRS, 4_000, id="pairs-long", marks=pytest.mark.slow),
    pytest.param("verified", SEVERAL, 4_000, id="several-labels-long", marks=pytest.mark.slow),
]
"""Rule, what the model judges, and how many requests at least: 1,000 in the fast tests, 28,000 in the long ones."""


EVERY_ANSWER: Crowd = [
    post({"text": "the plot"}),
    post(b"{"),
    post({"text": "x" * (MAX_CHARS + 1)}),
    post({"text": "x" * (MAX_CHARS + 1), "text_pair": "thin"}),
    post({"text": "the plot", "text_pair": "thin"}),
    request(Field(b"the plot", content_type="image/png"), Content_Type="image/png"),
    post({"text": 5}),
]
"""With a page, what the answers are held against: nothing of it is left to chance."""


class Lines(logging.Handler):
    """What a worker's log must not hold. The lines themselves are not kept: there are too many."""

    def __init__(self) -> None:
        super().__init__()
        self.n_events = 0
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        ours = record.name == "xgraad"
        self.n_events += ours
        if MARK in line or "evil" in line or (ours and not (line.isascii() and line.isprintable())):
            self.leaks.append(line)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """The log of a worker, whose level is INFO."""
    lines, root = Lines(), logging.getLogger()
    monkeypatch.setattr(root, "handlers", [lines])
    monkeypatch.setattr(root, "level", logging.INFO)
    logging.getLogger("xgraad")._cache.clear()  # type: ignore[attr-defined]
    yield lines
    logging.getLogger("xgraad")._cache.clear()  # type: ignore[attr-defined]


def hold(message: Message, answer: Answer) -> None:
    """What is true of every answer."""
    assert answer.status in (200, 400, 413, 415, 422), answer
    assert len(answer.body) < LIMIT
    assert answer.phrase.isascii()
    if answer.content_type == HTML:
        assert asks_for_a_page(message)
        shown = ReadPage(answer.body)
        assert "textarea" in shown.tags <= TAGS
        assert shown.attributes <= ATTRIBUTES
        return
    assert answer.content_type in ("application/json", OCTETS)
    document = json_of(answer)
    if answer.status == 200:
        assert not any(MARK in message for message in refusals(document))
        return
    assert answer.content_type == "application/json"
    assert document["status"] == "error"
    assert document["error"]["code"] == answer.status
    assert MARK not in answer.body.decode()
    assert document["error"]["message"].isascii()
    assert document["error"]["message"].isprintable()


def json_of(answer: Answer) -> Any:
    """The document; where raw tensors follow, each has the bytes that it says."""
    if answer.content_type != OCTETS:
        return strict_json(answer.body)
    n_bytes = int(answer.headers[JSON_LENGTH])
    document = strict_json(answer.body[:n_bytes])
    sizes = [output["parameters"]["binary_data_size"] for output in document["outputs"] if "data" not in output]
    assert sizes
    assert sum(sizes) == len(answer.body) - n_bytes
    return document


def refusals(document: Any) -> list[str]:
    """What is said of texts that got no answer among others that did."""
    if isinstance(document, dict) and "outputs" in document:
        answers = [json.loads(each) for output in document["outputs"] for each in output.get("data", ())
                   if output["name"] == "answer"]  # fmt: skip
        return refusals(answers)
    if isinstance(document, dict) and "error" not in document:
        return refusals(document.get("predictions", document.get("explanations", [])))
    each = document if isinstance(document, list) else [document]
    return [answer["error"]["message"] for answer in each if "error" in answer]


def alike(alone: Answer, among: Answer) -> bool:
    """Whether a good request got the same; pages are made of what is compared in JSON."""
    if alone.content_type == HTML:
        return alone[1:3] == among[1:3] and ReadPage(alone.body).text == ReadPage(among.body).text
    if alone.content_type == OCTETS:
        return alone[1:3] == among[1:3] and labels_of(alone) == labels_of(among)
    return same(unpacked_tensors(alone), unpacked_tensors(among))


def labels_of(answer: Answer) -> bytes:
    """The first two of the raw tensors, whose bytes are the same whatever shares the batch."""
    n_bytes = int(answer.headers[JSON_LENGTH])
    label, label_id, _ = (output["parameters"]["binary_data_size"] for output in json_of(answer)["outputs"])
    return answer.body[n_bytes : n_bytes + label + label_id]


def unpacked_tensors(answer: Answer) -> Answer:
    """With the JSON inside the JSON read, so that its floats can be compared as such."""
    document = strict_json(answer.body)
    for output in document.get("outputs", []) if isinstance(document, dict) else []:
        if output["name"] == "answer":
            output["data"] = [strict_json(each) for each in output["data"]]
    return answer._replace(body=json.dumps(document).encode())


@pytest.fixture
def folders(bert_folder: Path, pairs_folder: Path, several_folder: Path) -> Mapping[str, Path]:
    """Of a model for each task."""
    return {SINGLE: bert_folder, PAIRS: pairs_folder, SEVERAL: several_folder}


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # what fails must be told
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("rule", "task", "n_requests"), ROUNDS)
def test_any_batch_is_answered(
    folders: Mapping[str, Path],
    torchserve: SimpleNamespace,
    tmp_path: Path,
    log: Lines,
    record_fuzz: Callable[[str, Mapping[int, int]], None],
    rule: str,
    task: str,
    n_requests: int,
) -> None:
    good = GOOD_PAIRS if task == PAIRS else GOOD
    section: dict[str, Any] = {"rule": rule, "max_chars": MAX_CHARS, "max_texts": MAX_TEXTS, "registry": False}
    worker = Worker(unpacked(folders[task], tmp_path / "toy", **section), torchserve)
    alone = [worker(message)[0] for message in good]
    assert {answer.status for answer in alone} == {200}
    seen: Counter[Any] = Counter()

    @settings(
        max_examples=n_requests // (LEAST + 1) + 1,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @example(crowd=EVERY_ANSWER, lone=opened())
    @example(crowd=DEEP_CROWD, lone=post(DEEP[0]))
    @example(crowd=[*range(len(good))], lone=post({"text": "x" * (MAX_CHARS + 1)}))
    @given(crowd=st.lists(members_of(good), min_size=LEAST, max_size=MOST), lone=strangers())
    def answer_all(crowd: Crowd, lone: Message) -> None:
        batches: list[Crowd] = [crowd, [lone]]
        for batch in batches:
            sent = messages(batch, good)
            for member, message, answer in zip(batch, sent, worker(*sent), strict=True):
                hold(message, answer)
                assert not isinstance(member, int) or alike(alone[member], answer)
                seen[answer.status, answer.content_type == HTML, isinstance(member, int)] += 1
        assert log.leaks == []

    answer_all()
    assert seen.total() >= n_requests
    assert {status for status, _, is_good in seen if not is_good} >= {200, 400, 413, 415, 422}
    assert {is_page for _, is_page, is_good in seen if not is_good} == {True, False}
    assert log.n_events  # else nothing was looked at
    record_fuzz(f"{n_requests} in process, {rule}{task}", by_status(seen))


def by_status(seen: Counter[Any]) -> Counter[int]:
    """Counts of a status and other things, by the status alone."""
    found: Counter[int] = Counter()
    for (status, *_), n in seen.items():
        found[status] += n
    return found
