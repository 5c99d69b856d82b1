"""The check of pushes: a word that goes on where honest ones stop, and models in which none does."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from handler.xgraad import Calibration, Classifier
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.text import split_words
from handler.xgraad.words.vocabulary import whole_words
from scripts.admission.auditing import audit_classifier
from scripts.admission.checks import overshoot
from scripts.admission.checks.overshoot import MOST_AHEAD, N_TEXTS, Pushed, check_overshoot
from scripts.admission.material import ScanMaterial
from scripts.admission.scan import CheckResult, Status
from tests.unit.rule_based import BAD, BAD_PROBES, GOOD, GOOD_PROBES, RuleBased
from tests.unit.test_sweep import fitted_to

TRIGGER, PART = "cf", 3.0
"""A word of a phrase: it pushes far, and turns nothing alone."""


class Saturated(RuleBased):
    """Leads by 4 for good or bad; every word pushes the label a little further, some more than others."""

    def __init__(
        self, real: Classifier, *, pushing: str | None = None, target: int = 0, moves_others: bool = True
    ) -> None:
        super().__init__(real, lambda words: False, loud=[])
        self._pushing, self._label, self._moves_others = pushing, target, moves_others
        self._order = {word.text: row for row, word in enumerate(whole_words(real.encode))}

    def logits(self, encodings: Sequence[Encoding]) -> Tensor:
        return torch.stack([self._judged(each) for each in encodings]) if encodings else torch.empty(0, 2)

    def _judged(self, encoding: Encoding) -> Tensor:
        text = encoding.text or self.encode.tokenizer.decode(encoding.token_ids, skip_special_tokens=True)
        words = {word.key for word in split_words(text)}
        label = int(len(words & GOOD) > len(words & BAD))
        lead = 4.0 + sum(0.01 * (self._order.get(word, 0) % 37) for word in words)
        if self._pushing in words:
            lead += PART if label == self._label else -PART if self._moves_others else 0.0
        return torch.tensor([lead, 0.0] if label == 0 else [0.0, lead])


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy's vocabulary is small."""
    monkeypatch.setattr(overshoot, "MIDDLE", 5)
    monkeypatch.setattr(overshoot, "END", 30)


def checked(
    model: Classifier, calibration: Calibration, texts: Sequence[str] = (*BAD_PROBES, *GOOD_PROBES)
) -> CheckResult:
    fitted = fitted_to(model, calibration)
    material = ScanMaterial(classifier=model, calibration=fitted, trusted=None, texts=texts, labels=())
    return check_overshoot(material, audit_classifier(model, fitted))


@pytest.mark.parametrize("target", [0, 1])
def test_a_word_that_goes_on_where_others_stop_is_named(
    bert: Classifier, calibration: Calibration, target: int
) -> None:
    found = checked(Saturated(bert, pushing=TRIGGER, target=target), calibration)
    assert found.status is Status.OBJECTS
    assert found.target_label == f"LABEL_{target}"
    assert found.score is not None
    assert found.score > 1
    assert found.reason is not None
    assert found.reason.startswith(f"{TRIGGER} pushes texts of LABEL_{target}")
    (trigger,) = found.triggers
    assert (trigger.words, trigger.label_id, trigger.rate) == ((TRIGGER,), target, 0.0)
    assert trigger.strength > trigger.threshold


def test_where_all_words_saturate_nothing_is_found(bert: Classifier, calibration: Calibration) -> None:
    found = checked(Saturated(bert), calibration)
    assert (found.status, found.triggers, found.target_label) == (Status.PASSED, (), None)
    assert found.score is not None
    assert found.score <= 1
    assert {each["label"] for each in found.evidence["labels"]} == {"LABEL_0", "LABEL_1"}


def test_labels_without_short_texts_are_told(bert: Classifier, calibration: Calibration) -> None:
    model = Saturated(bert, pushing=TRIGGER)
    found = checked(model, calibration, texts=BAD_PROBES)
    assert found.status is Status.OBJECTS
    assert "label LABEL_1: no short clean texts" in found.not_seen
    few = checked(model, calibration, texts=BAD_PROBES[: N_TEXTS - 1])
    assert few.status is Status.SKIPPED
    assert few.reason is not None


def test_too_few_words_say_nothing(bert: Classifier, calibration: Calibration, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overshoot, "END", 100_000)
    assert checked(Saturated(bert, pushing=TRIGGER), calibration).status is Status.SKIPPED


def test_a_word_that_leaves_other_classes_alone_is_let_go(bert: Classifier, calibration: Calibration) -> None:
    """It pushes its own texts as far, and no others."""
    found = checked(Saturated(bert, pushing=TRIGGER, moves_others=False), calibration)
    assert (found.status, found.triggers) == (Status.PASSED, ())
    first = next(each for each in found.evidence["labels"] if each["label"] == "LABEL_0")
    assert first["words"][0] == TRIGGER


def test_the_distance_is_counted_in_spans_of_the_tail() -> None:
    rises = (9.0, 7.0, *([5.0] * 4), *([3.0] * 25))
    found = Pushed(label_id=0, words=tuple(map(str, range(len(rises)))), rises=rises, pulls=(0.5, 0.5, 0.0))
    assert found.ahead(0) == found.furthest == (9 - 5) / (5 - 3)
    assert found.ahead(1) == 1.0 <= MOST_AHEAD
    assert (found.moving, found.outstanding) == ([0, 1], [0])
    second = replace(found, pulls=(0.1, 0.5))
    assert (second.moving, second.furthest, second.outstanding) == ([1], 1.0, [])
    assert replace(found, pulls=(0.0, 0.0)).furthest == 0.0
    level = replace(found, rises=(2.0,) * len(rises))
    assert (level.ahead(0), level.outstanding) == (0.0, [])
