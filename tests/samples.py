"""Made-up records and damaged checkpoints, for tests that need one thing to be exactly so."""

import importlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from handler.answers.policy import Unjudged
from handler.answers.reply import Reply, Served
from handler.hooks.exchange import Exchange
from handler.hooks.judging import judge
from handler.hooks.preparing import prepare
from handler.hooks.replying import reply_to
from handler.settings import Detail, OnTrigger, Settings
from handler.wire.request import Request, Shape
from handler.worker.stopwatch import Stopwatch
from handler.xgraad import Action, Calibration, Defense, Suspect, Verdict
from handler.xgraad.files.fingerprint import Fingerprint
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.scorer import Score, WordScore
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.text import split_words

DEFAULTS = Settings()
FINGERPRINT = Fingerprint(
    weights="w" * 64,
    config="c" * 64,
    tokenizer="t" * 64,
    max_length=64,
    precision="float32",
    scorer=1,
    torch="2.13",
    transformers="5.23",
)
PREDICTION = Prediction(label="good", label_id=1, score=0.75, probabilities={"bad": 0.25, "good": 0.75})


def a_score(anomaly_score: float, n_tokens: int, *, truncated: bool = False) -> Score:
    """A score of a text that does not exist."""
    nothing = Encoding(text="", words=(), token_ids=(), token_types=(), word_of_token=(), truncated=truncated)
    return Score(encoding=nothing, prediction=PREDICTION, anomaly_score=anomaly_score, n_tokens=n_tokens, words=())


FLIPPED = Prediction(label="bad", label_id=0, score=0.625, probabilities={"bad": 0.625, "good": 0.375})


def a_verdict(
    text: str = "a cf film", *, acted: bool = False, flagged: bool = False, rule: str = "verified"
) -> Verdict:
    """A verdict on a text that nobody judged: the plain model says good, and bad without the second word."""
    first, second, rest = text.split(" ", 2)
    start = len(first) + 1
    suspect = Suspect(word=second, start=start, end=start + len(second), attribution=0.75, replacement="zz")
    return Verdict(
        rule=rule,
        flagged=flagged or acted,
        verified=acted and rule == "verified",
        tested=True if rule == "verified" else None,
        action=Action.NEUTRALIZED if acted else Action.PASSED,
        anomaly_score=2.5,
        gate_score=3.5 if rule == "verified" else None,
        threshold=1.5,
        p_value=0.03125,
        undefended=PREDICTION,
        defended=FLIPPED if acted else PREDICTION,
        suspects=(suspect,) if acted else (),
        neutralized_text=f"{first} zz {rest}" if acted else None,
        truncated=False,
        words=(),
    )


def a_reply(
    text: str,
    verdict: Verdict,
    *,
    attributions: Sequence[float] = (0.1, 0.9),
    on_trigger: OnTrigger = "neutralize",
    detail: Detail = "full",
) -> dict[str, Any]:
    """The JSON document of a verdict; its words have these attributions, over and over."""
    words = tuple(
        WordScore(word=word, attention=0.5, gradient=0.25, attribution=attribution)
        for word, attribution in zip(split_words(text), cycle(attributions), strict=False)
    )
    request = Request(texts=(text,), shape=Shape.ONE, explain=detail == "full")
    found = replied(request, replace(verdict, words=words), on_trigger=on_trigger, detail=detail)
    document: dict[str, Any] = json.loads(found.body)
    return document


def an_exchange(request: Request, *judged: Verdict | Unjudged) -> Exchange:
    """One in whose texts this was found."""
    return Exchange(row={}, headers={}, types={}, id="id", request=request, judged=judged)


def through_hooks(rows: Sequence[Mapping[str, Any]], defense: Defense, settings: Settings = DEFAULTS) -> list[Exchange]:
    """What becomes of a batch of calls by gRPC, from hook to hook."""
    came = [Exchange(row=row, headers={}, types={}, id=str(index)) for index, row in enumerate(rows)]
    stopwatch = Stopwatch()
    judged = judge(prepare(came, defense, settings, stopwatch), defense, settings, stopwatch)
    return reply_to(judged, Served("toy", "1.0"), settings, stopwatch)


def finished(exchange: Exchange, *, on_trigger: OnTrigger = "neutralize", detail: Detail = "full") -> Exchange:
    """The same after the last hook."""
    settings = Settings(on_trigger=on_trigger, detail=detail)
    (found,) = reply_to([exchange], Served("toy", "1.0"), settings, Stopwatch())
    return found


def replied(
    request: Request, *judged: Verdict | Unjudged, on_trigger: OnTrigger = "neutralize", detail: Detail = "full"
) -> Reply:
    """The reply to a request in whose texts this was found."""
    return finished(an_exchange(request, *judged), on_trigger=on_trigger, detail=detail).reply


def shifted(calibration: Calibration, offset: float) -> Calibration:
    """The same calibration with every conformal threshold at the wanted offset: -50 flags all, 50 flags nothing."""
    conformal = calibration.conformal.model_copy(update={"offset": offset})
    return calibration.model_copy(update={"conformal": conformal})


def copy_of(folder: Path, target: Path) -> Path:
    """A checkpoint that a test may damage."""
    return Path(shutil.copytree(folder, target))


def edit_json(path: Path, **changes: Any) -> None:
    """Set keys of a JSON object in a file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder: Path, edit: Callable[[dict[str, Tensor]], object]) -> None:
    """Change tensors of model.safetensors in place."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={"format": "pt"})


def pickle_of(value: Any) -> bytes:
    """What a file begins with that could run code as soon as it is read."""
    return importlib.import_module("pickle").dumps(value)  # by name: importing it is banned, and here is why
