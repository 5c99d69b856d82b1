"""What goes back, byte for byte, in every form of a request, under every policy and level of detail.

The verdicts are made up, and so is the plain model, so that no figure depends on a machine.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, get_args

import pytest
import torch

from handler.settings import Detail, OnTrigger, Settings
from handler.xgraad import Defense, Verdict
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.scorer import WordScore
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.text import split_words
from tests.contract.service_in_process import (
    Answer,
    Field,
    Message,
    Worker,
    at_kserve,
    grpc,
    plain,
    post,
    request,
    tensors,
    unpacked,
)  # fmt: skip
from tests.contract.test_page import opened, typed
from tests.framings import binary
from tests.samples import a_verdict

PINNED = Path(__file__).with_name("wire.jsonl")
CLEAN, TRIGGERED, FAULTY, NAN, UNTESTED = (f"a {word} film" for word in ("fine", "cf", "boom", "nan", "dim"))
MIXED = [CLEAN, 5, TRIGGERED, "", UNTESTED, "é\u2028 <b> film"]
ONE_OUTPUT = [{"name": "label_id", "parameters": {"binary_data": True}}, {"name": "label"}]
FORM = "application/x-www-form-urlencoded"

FORMS: dict[str, Message] = {
    "text": post({"text": CLEAN}),
    "text, triggered": post({"text": TRIGGERED}),
    "text, untested": post({"text": UNTESTED}),
    "text, faulty": post({"text": FAULTY}),
    "text, not a number": post({"text": NAN}),
    "text, explained": post({"text": TRIGGERED}, explain="True"),
    "text, explained by its body": post({"text": CLEAN, "explain": True}),
    "texts": post({"texts": [CLEAN]}),
    "texts, mixed": post({"texts": MIXED}),
    "texts, explained": post({"texts": MIXED}, explain="True"),
    "texts, triggered": post({"texts": [TRIGGERED, "", TRIGGERED]}),
    "texts, one faulty": post({"texts": [CLEAN, FAULTY]}),
    "texts, none good": post({"texts": ["", 5]}),
    "instances": post({"instances": [{"text": CLEAN}, TRIGGERED, ""]}),
    "instances, explained": post({"instances": [CLEAN]}, explain="True"),
    "instances, at KServe's address": at_kserve(post({"instances": [TRIGGERED, CLEAN]})),
    "tensors": post(tensors(CLEAN, TRIGGERED)),
    "tensors, named": post(tensors(CLEAN, "", TRIGGERED, id="7 é")),
    "tensors, triggered": post(tensors(TRIGGERED, id="7")),
    "tensors, faulty": post(tensors(FAULTY, id="7")),
    "tensors, explained": post(tensors(TRIGGERED, parameters={"explain": True})),
    "tensors, chosen": post(tensors(CLEAN, TRIGGERED, outputs=[{"name": "label"}])),
    "tensors, one of them raw": post(tensors(CLEAN, TRIGGERED, outputs=ONE_OUTPUT, id="7")),
    "tensors, raw both ways": at_kserve(binary([CLEAN, TRIGGERED, "é film x"], all_binary=True)),
    "tensors, raw and all triggered": at_kserve(binary([TRIGGERED], all_binary=True)),
    "plain": plain(CLEAN),
    "plain, empty": plain(" "),
    "form": request(Field(TRIGGERED.encode(), "text"), Content_Type=FORM),
    "gRPC": grpc(text=TRIGGERED.encode()),
    "gRPC, explained": grpc(text=CLEAN.encode(), explain=b"true"),
    "gRPC, tensors": grpc(body=json.dumps(tensors(CLEAN, id="7")).encode()),
    "gRPC, none": grpc(other=b"1"),
    "no JSON": post(b"{"),
    "unknown field": post({"text": CLEAN, "more": 1}),
    "too long": post({"text": "x" * 401}),
    "another type": request(Field(b"x"), Content_Type="image/png"),
    "nothing": request(),
    "page, opened": opened(),
    "page": typed(CLEAN),
    "page, triggered": typed(TRIGGERED),
    "page, untested": typed(UNTESTED),
    "page, faulty": typed(FAULTY),
    "page, not a number": typed(NAN),
    "page, empty": typed(""),
    "page, unreadable": typed(b"a\xff"),
}
POLICIES: list[tuple[OnTrigger, Detail]] = list(product(get_args(OnTrigger), get_args(Detail)))


class Scripted:
    """A defense that says of a text what its second word stands for."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.classifier = SimpleNamespace(
            device=real.classifier.device,
            labels=("bad", "good"),
            logits=lambda encodings: torch.tensor([[0.0, 0.0]] * len(encodings), dtype=torch.float64),
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def undefended(self, encodings: Sequence[Encoding]) -> list[Prediction]:
        return Defense.undefended(cast(Defense, self), encodings)

    def judge(self, encodings: Sequence[Encoding], explain: Sequence[bool]) -> list[Verdict]:
        if any(encoding.text == FAULTY for encoding in encodings):
            raise RuntimeError(encodings[-1].text)
        return [self._verdict(*each) for each in zip((encoding.text for encoding in encodings), explain, strict=True)]

    def _verdict(self, text: str, explain: bool) -> Verdict:
        verdict = a_verdict(text, acted=text == TRIGGERED)
        if text == NAN:
            verdict = replace(verdict, p_value=float("nan"))
        if text == UNTESTED:
            verdict = replace(verdict, tested=False, truncated=True)
        scores = (0.5, 0.25, 0.125)
        words = [
            WordScore(word=word, attention=0.5, gradient=score, attribution=0.5 * score)
            for word, score in zip(split_words(text), scores, strict=False)
        ]
        return replace(verdict, words=tuple(words) if explain else ())


@pytest.fixture(scope="module")
def scripted(
    checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> Worker:
    worker = Worker(unpacked(checkpoints["bert"], tmp_path_factory.mktemp("models") / "toy"), torchserve)
    worker.handler.defense = Scripted(worker.handler.defense)  # type: ignore[assignment]
    return worker


def told(answer: Answer) -> dict[str, Any]:
    """All of it; bytes as characters of the same numbers, and of a page the digest of what stands below its style."""
    _, style, shown = answer.body.partition(b"</style>")
    body = sha256(shown).hexdigest() if style else answer.body.decode("latin-1")
    headers = {name: value for name, value in answer.headers.items() if "style-src" not in value}
    return {
        "line": f"{answer.status} {answer.phrase}",
        "type": answer.content_type,
        "headers": headers,
        "body": body,
    }


def set_up(worker: Worker, **section: Any) -> Worker:
    worker.handler.settings = Settings(max_chars=400, **section)
    return worker


@pytest.fixture(scope="module")
def replies(scripted: Worker) -> dict[str, dict[str, Any]]:
    """By what the server is set to and by what is asked."""
    found: dict[str, dict[str, Any]] = {}
    for on_trigger, detail in POLICIES:
        for on_error in ("fail_closed", "fail_open"):
            worker = set_up(scripted, on_trigger=on_trigger, detail=detail, on_error=on_error)
            each = dict(zip(FORMS, map(told, worker(*FORMS.values())), strict=True))
            found[f"{on_trigger}, {detail}, {on_error}"] = each
    return found


def test_every_reply_is_what_it_was(replies: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """Whoever changes one on purpose reads the difference, and puts the new file in the old one's place."""
    new = tmp_path / PINNED.name
    new.write_text("".join(f"{json.dumps(each)}\n" for each in distinct(replies)))
    assert new.read_text().splitlines() == PINNED.read_text().splitlines(), f"the replies as they are now: {new}"


def distinct(replies: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Each form's replies once, with the settings that give it."""
    by_reply: dict[tuple[str, str], list[str]] = {}
    for settings, each in replies.items():
        for form, reply in each.items():
            by_reply.setdefault((form, json.dumps(reply)), []).append(settings)
    return [
        {"form": form, "settings": settings, "reply": json.loads(reply)} for (form, reply), settings in by_reply.items()
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_reply_is_the_same_alone_and_among_others(
    scripted: Worker, replies: dict[str, dict[str, Any]], form: str
) -> None:
    worker = set_up(scripted, on_trigger="block", detail="full", on_error="fail_open")
    (alone,) = worker(FORMS[form])
    assert told(alone) == replies["block, full, fail_open"][form]


def test_the_forms_meet_every_end(replies: dict[str, dict[str, Any]]) -> None:
    """Sanity arm: had all of them been refused, nothing would be pinned."""
    every = [reply for each in replies.values() for reply in each.values()]
    assert {reply["line"][:3] for reply in every} == {"200", "400", "403", "413", "415", "422", "500"}
    actions = ("passed", "neutralized", "annotated", "abstained", "undefended")
    for words in (*(f'"action": "{action}"' for action in actions), "trigger_blocked", "defense_failed", "model_name"):
        assert any(words in reply["body"] for reply in every), words
