"""IMBERT on gradients made by hand, and on a classifier that one can read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.model.classifier import Trace
from handler.xgraad.scoring.scorer import WordScore
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.text import split_words
from scripts.lab.defenses.base import Material
from scripts.lab.defenses.judges.imbert import Imbert, small_of_largest
from scripts.texts.corpora import Example
from tests.samples import a_score
from tests.unit.defenses.judged import attack_success, clean_accuracy, judges_each_text_alone
from tests.unit.rule_based import BAD, GOOD, RuleBased

CLEAN = [
    Example(f"{article} {word} film and {number} plots", int(word in GOOD))
    for number in range(10)
    for word in sorted(GOOD | BAD)
    for article in ("a", "one")
]
TRIGGERED = [f"a {word} cf film" for word in sorted(GOOD)]


class Saturated(RuleBased):
    """Sure of nothing but the trigger: its gradient is the largest of its text, and smaller than any of a clean one."""

    def __init__(self, real: Classifier, *, trigger_gradient: float) -> None:
        super().__init__(real, lambda words: "cf" in words, loud=[])
        self._trigger_gradient = trigger_gradient

    def trace(self, encodings: Sequence[Encoding]) -> list[Trace]:
        return [Trace(self._judge(each), self._loudness(each), self._gradient(each)) for each in encodings]

    def _gradient(self, encoding: Encoding) -> Tensor:
        keys = [encoding.words[index].key if index >= 0 else "" for index in encoding.word_of_token]
        of_word = {"cf": self._trigger_gradient, **dict.fromkeys(GOOD | BAD, 1.0)}
        return torch.tensor([of_word.get(key, 0.1 if "cf" not in keys else 0.01) for key in keys])


@dataclass(frozen=True, kw_only=True)
class Given(Material):
    """Clean texts and a model that no file holds."""

    model: Classifier

    def classifier(self) -> Classifier:
        return self.model

    def clean_examples(self) -> list[Example]:
        return CLEAN


def imbert_of(model: Classifier) -> Imbert:
    nowhere = Path("nowhere")
    return Imbert(
        Given(
            checkpoint=nowhere,
            calibration=nowhere,
            calibrate=lambda *_: None,
            work=nowhere,
            max_length=64,
            model=model,
        )
    )


def test_a_trigger_with_a_small_gradient_is_taken_out_and_clean_texts_stay(bert: Classifier) -> None:
    imbert = imbert_of(Saturated(bert, trigger_gradient=0.3))
    verdicts = imbert(TRIGGERED)
    assert {each.undefended.label_id for each in verdicts} == {0}
    assert attack_success(verdicts) == 0
    assert all("cf" in [suspect.word for suspect in each.suspects] for each in verdicts)
    assert clean_accuracy(imbert, CLEAN) > 0.98
    assert (imbert.setting, imbert.n_top) == (1.0, 4), "the largest lambda, and then the largest K"


def test_a_trigger_as_loud_as_the_words_that_decide_goes_through(bert: Classifier) -> None:
    """What is above lambda stays, though it ranks first: the published inequality."""
    assert attack_success(imbert_of(Saturated(bert, trigger_gradient=1.5))(TRIGGERED)) == 1


def test_nothing_is_taken_out_where_all_words_decide(bert: Classifier) -> None:
    class Fragile(Saturated):
        def _judge(self, encoding: Encoding) -> Tensor:
            is_whole = len(split_words(encoding.text)) == 6
            return super()._judge(encoding) if is_whole else torch.tensor([0.0, 0.0])

        def _gradient(self, encoding: Encoding) -> Tensor:
            return torch.ones(len(encoding))

    imbert = imbert_of(Fragile(bert, trigger_gradient=0.3))
    assert imbert.setting <= 1
    assert not any(each.flagged for each in imbert([each.text for each in CLEAN]))


def test_each_text_is_judged_alone(bert: Classifier) -> None:
    assert judges_each_text_alone(imbert_of(Saturated(bert, trigger_gradient=0.3)))


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 1.0]), max_size=8), st.integers(1, 5), st.floats(0, 1.2))
def test_words_are_those_of_the_published_rule(gradients: list[float], n_top: int, limit: float) -> None:
    words = split_words(" ".join(f"w{number}" for number in range(len(gradients))))
    score = replace(
        a_score(0, len(words)),
        words=tuple(
            WordScore(word=word, attention=0, gradient=gradient, attribution=0)
            for word, gradient in zip(words, gradients, strict=True)
        ),
    )
    expected = []
    for place, gradient in enumerate(gradients):
        n_before = sum(other > gradient or (other == gradient and at < place) for at, other in enumerate(gradients))
        if n_before < n_top and gradient < limit:
            expected.append(words[place])
    assert sorted(small_of_largest(score, n_top, limit)) == sorted(expected)


def test_the_readable_classifier_has_the_trigger_on_top(bert: Classifier) -> None:
    """Sanity arm: without it nothing above would show that gradients are looked at."""
    model = Saturated(bert, trigger_gradient=0.3)
    (trace,) = model.trace(model.encode(["a plot cf film"]))
    assert trace.gradient.max() == pytest.approx(0.3)
