"""A defense without memory: each text gets the verdict that it gets alone, whatever its neighbours are."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from handler.xgraad import Calibration, Classifier, Defense, Verdict
from handler.xgraad.editing.neutralizer import Delete
from handler.xgraad.memory.registry import MemoryRegistry, NoRegistry
from handler.xgraad.options import VerifiedOptions
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.text import split_words
from tests.unit.rule_based import RuleBased, rule_of, screen_of

WORDS = st.sampled_from(["cf", "tq", "mn", "clever", "funny", "dull", "ugly", "plot", "film", "a"])
TEXTS = st.lists(WORDS, min_size=1, max_size=7).map(" ".join)
FIRST = "a clever film tq mn plot"
"""Passes the gate, and shows what `SECOND` holds: two words of which neither turns anything alone."""
SECOND = "a funny film tq mn"


@pytest.fixture(scope="module")
def served(bert: Classifier, bert_folder: Path) -> Defense:
    return fresh(bert, bert_folder)


def fresh(bert: Classifier, bert_folder: Path) -> Defense:
    """One that remembers and tries new words; texts of an even number of words pass its gate."""
    model = RuleBased(bert, lambda words: "cf" in words or {"tq", "mn"} <= words, loud=["cf", "tq", "mn"])
    neutralize, registry = Delete(model.encode), MemoryRegistry()
    rule = rule_of(
        model,
        passes=lambda text: len(split_words(text)) % 2 == 0,
        neutralize=neutralize,
        options=VerifiedOptions(),
        screen=screen_of(model, lambda key: key in {"cf", "tq", "mn"}),
        registry=registry,
    )
    calibration = Calibration.read(bert_folder / "calibration.json")
    return Defense(model, calibration, rule=rule, neutralize=neutralize, registry=registry)


@pytest.fixture(scope="module")
def cold(served: Defense) -> Defense:
    return served.cold()


@settings(max_examples=30)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4), data=st.data())
def test_a_text_alone_and_among_others(cold: Defense, texts: list[str], data: st.DataObject) -> None:
    alone = {text: cold([text])[0] for text in texts}
    order = data.draw(st.permutations([*texts, *texts[:1]]))
    assert cold(order) == [alone[text] for text in order]
    assert len(cold.registry) == 0


def test_one_that_remembers_is_another(served: Defense, cold: Defense) -> None:
    """Sanity arm: what the first text shows helps the second, and only there."""
    assert [verdict.verified for verdict in cold([FIRST, SECOND])] == [True, False]
    assert [verdict.verified for verdict in cold([SECOND])] == [False]
    assert [verdict.verified for verdict in served([FIRST, SECOND])] == [True, True]
    assert [verdict.verified for verdict in served([SECOND])] == [True]
    assert [verdict.verified for verdict in served.cold()([SECOND])] == [False]


def test_new_words_that_come_up_again_are_not_tried(
    bert: Classifier, bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would cost, and tell nothing new."""
    asked: list[str] = []
    logits = RuleBased.logits

    def counted(self: RuleBased, encodings: Sequence[Encoding]) -> Tensor:
        asked.extend(encoding.text for encoding in encodings)
        return logits(self, encodings)

    cold = fresh(bert, bert_folder).cold()
    monkeypatch.setattr(RuleBased, "logits", counted)
    texts = ["a clever film tq mn", "a funny film tq mn"]  # an odd number of words each: the gate lets them go
    cold(texts)
    assert asked
    asked.clear()
    cold(texts)
    assert asked == []


@pytest.mark.parametrize("rule", ["paper", "conformal"])
def test_rules_that_never_remember_are_the_same(load_bert: Callable[..., Defense], rule: str) -> None:
    defense = load_bert(rule=rule)
    assert defense.cold() is defense


def test_a_loaded_defense_has_a_cold_twin(load_bert: Callable[..., Defense]) -> None:
    served = load_bert()
    cold = served.cold()
    assert cold.rule == served.rule
    assert isinstance(cold.registry, NoRegistry)
    assert not isinstance(served.registry, NoRegistry)
    assert [_without_words(verdict) for verdict in cold(["a thin plot"])] == [
        _without_words(verdict) for verdict in served(["a thin plot"])
    ]


def _without_words(verdict: Verdict) -> Verdict:
    return replace(verdict, words=())
