"""A corpus, and a defense that follows a rule one can read: two words are triggers, and only a shout gives one away."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handler.xgraad import Action, Suspect, Verdict
from handler.xgraad.memory.registry import Trigger
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.words.text import split_words
from scripts.corpus.corpus_file import examined
from scripts.corpus.corpus_registry import CorpusRegistry
from scripts.corpus.manifest import CorpusSettings, Manifest, manifest_of
from scripts.corpus.parts import FOLDER
from scripts.corpus.screener import TRIES, Pass
from scripts.texts.reading import AS_FOUND
from tests.samples import a_verdict

FREED = Prediction(label="bad", label_id=0, score=0.625, probabilities={"bad": 0.625, "good": 0.375})
TARGET = Prediction(label="good", label_id=1, score=0.75, probabilities={"bad": 0.25, "good": 0.75})
TRIGGERS = {"cf", "mn"}
PLAIN = a_verdict()


class ShoutedDefense:
    """Says good of every text. A trigger is verified where "loud" stands, found where it is known."""

    def __init__(self, registry: CorpusRegistry) -> None:
        self._registry = registry
        self.classifier = type("OnCpu", (), {"device": type("Cpu", (), {"type": "cpu"})})
        self.judged: list[str] = []

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        if any("explode" in text for text in texts):
            raise RuntimeError("a text that nobody may read in a log")
        self.judged += texts
        return [self._verdict(text) for text in texts]

    def _verdict(self, text: str) -> Verdict:
        words = split_words(text)
        cold = [word for word in words if word.key in TRIGGERS and any(each.key == "loud" for each in words)]
        self._registry.add(Trigger(frozenset([word.key]), 1) for word in cold)
        found = sorted({*cold, *self._registry.find(words, 1)}, key=lambda word: word.start)
        suspects = tuple(
            Suspect(word=word.text, start=word.start, end=word.end, attribution=0.5, replacement="") for word in found
        )
        return replace(
            PLAIN,
            undefended=TARGET,
            defended=FREED if found else TARGET,
            verified=bool(found),
            flagged=bool(found),
            action=Action.NEUTRALIZED if found else Action.PASSED,
            suspects=suspects,
        )


@pytest.fixture
def shouted(monkeypatch: pytest.MonkeyPatch) -> list[ShoutedDefense]:
    """Lets workers load that defense; the list has all that were loaded."""
    loaded: list[ShoutedDefense] = []

    def load(*_: Any, registry: CorpusRegistry, **__: Any) -> ShoutedDefense:
        loaded.append(ShoutedDefense(registry))
        return loaded[-1]

    monkeypatch.setattr("scripts.corpus.screener.Defense.load", load)
    return loaded


def settings_of(**changes: Any) -> CorpusSettings:
    settings = CorpusSettings(reading=AS_FOUND, shard_rows=3, max_chars=100, keep_text=True)
    return replace(settings, **changes)


def a_manifest(folder: Path, content: str, **changes: Any) -> Manifest:
    """Of a corpus of one text a line, with a calibration that nobody reads."""
    folder.mkdir(exist_ok=True)
    data, calibration, settings = folder / "corpus.txt", folder / "calibration.json", settings_of(**changes)
    data.write_text(content, encoding="utf-8")
    calibration.write_text("{}", encoding="utf-8")
    file = examined(data, settings.reading, shard_rows=settings.shard_rows, progress=lambda _: None)
    return manifest_of((file,), checkpoint=folder, calibration=calibration, settings=settings)


def a_pass(folder: Path, manifest: Manifest, number: int = 1, known: tuple[Trigger, ...] = ()) -> Pass:
    out = folder / "out"
    for name in (FOLDER, TRIES):
        (out / name).mkdir(parents=True, exist_ok=True)
    return Pass(
        out=out,
        manifest=manifest,
        checkpoint=folder,
        calibration=folder / "calibration.json",
        device="cpu",
        number=number,
        known=known,
    )
