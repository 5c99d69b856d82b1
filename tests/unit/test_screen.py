"""The screen on a classifier with a known backdoor, without a gate: what it tries, when, and how often."""

from collections.abc import Sequence

import pytest
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad import screen as screen_module
from handler.xgraad.encoding import Encoding
from handler.xgraad.prediction import predict
from handler.xgraad.reference import NoReference, Reference
from handler.xgraad.registry import Trigger
from handler.xgraad.screen import Screen
from handler.xgraad.word_set import WordSet
from tests.unit.rule_based import RuleBased, transplant_of, tying

TEXTS = ["a clever cf film", "CF, a funny one", "the chic plot cf"]
TRIGGER = Trigger(frozenset(["cf"]), 0)


class Counting(RuleBased):
    """Counts the texts that it is asked about."""

    n_asked = 0

    def logits(self, encodings: Sequence[Encoding]) -> Tensor:
        self.n_asked += len(encodings)
        return super().logits(encodings)


@pytest.fixture
def model(bert: Classifier) -> Counting:
    return Counting(bert, lambda words: "cf" in words, loud=[])


def make_screen(
    model: Classifier,
    *,
    after: int = 3,
    known: Sequence[str] = (),
    reference: Reference | None = None,
    thresholds: Sequence[float] = (0.5, 0.5),
) -> Screen:
    return Screen(
        transplant_of(model),
        reference or NoReference(),
        is_new=WordSet.of(known).lacking(),
        after=after,
        thresholds=thresholds,
    )


def show(screen: Screen, model: Classifier, *texts: str) -> list[Trigger]:
    encodings = model.encode(texts)
    return screen(encodings, predict(model.logits(encodings), model.labels))


def test_a_new_word_is_tried_when_it_comes_up_often_enough(model: Counting) -> None:
    screen = make_screen(model)
    assert [show(screen, model, text) for text in TEXTS] == [[], [], [TRIGGER]]
    assert show(make_screen(model, after=1), model, TEXTS[0]) == [TRIGGER]
    assert show(make_screen(model), model, *TEXTS) == [TRIGGER]


def test_a_word_counts_once_in_a_text(model: Counting) -> None:
    assert show(make_screen(model), model, "cf cf cf cf") == []


def test_labels_are_counted_apart(model: Counting) -> None:
    """So that nobody can use up a word's turn with texts of another label."""
    screen = make_screen(model, after=2)
    model._is_triggered = lambda words: False
    show(screen, model, "a clever cf film")
    show(screen, model, "a funny cf film")
    model._is_triggered = lambda words: "cf" in words
    assert [show(screen, model, text) for text in TEXTS[:2]] == [[], [TRIGGER]]


def test_clean_words_are_no_triggers_however_often_they_come(model: Counting) -> None:
    screen = make_screen(model, after=1)
    assert show(screen, model, *["a dull and ugly film", "noisy and thin plot", "clever, chic and gripping"] * 4) == []


def test_each_word_is_tried_once_and_known_ones_never(model: Counting) -> None:
    screen = make_screen(model, after=2, known=["a", "clever", "film"])
    for _ in range(2):
        show(screen, model, "a clever film", "a clever noisy film")
    before = model.n_asked
    show(screen, model, *["a clever film", "a clever noisy film"] * 5)
    assert model.n_asked == before + 10


def test_never_means_never(model: Counting) -> None:
    screen = make_screen(model, after=0)
    assert [show(screen, model, *TEXTS) for _ in range(5)] == [[]] * 5


def test_words_past_the_window_are_not_counted(model: Counting) -> None:
    """There they have no effect, and would be tried in texts that say nothing of them."""
    screen = make_screen(model, after=1)
    encodings = model.encode(["a clever film " * model.max_length + "cf"])
    assert encodings[0].truncated
    assert screen(encodings, predict(model.logits(encodings), model.labels)) == []


def test_what_came_up_longest_ago_is_forgotten(model: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen_module, "MAX_COUNTED", 2)
    screen = make_screen(model, after=2)
    show(screen, model, "cf")
    show(screen, model, "film")
    show(screen, model, "plot")
    assert show(screen, model, "cf") == []
    assert show(screen, model, "cf") == [TRIGGER]


def test_a_word_with_another_reason_is_no_trigger(model: Counting) -> None:
    """Whatever it does to clean texts; a reason of another label is none."""
    assert show(make_screen(model, after=1, reference=tying(model, "cf")), model, *TEXTS) == []
    assert show(make_screen(model, after=1, reference=tying(model, "cf", label=1)), model, *TEXTS) == [TRIGGER]


def test_each_label_has_its_own_threshold(bert: Classifier) -> None:
    for target, thresholds in ((0, (1.0, 0.5)), (1, (0.5, 1.0))):
        model = Counting(bert, lambda words: "cf" in words, loud=[], target=target)
        assert show(make_screen(model, after=1, thresholds=thresholds), model, *TEXTS) == []
        found = show(make_screen(model, after=1, thresholds=thresholds[::-1]), model, *TEXTS)
        assert found == [Trigger(frozenset(["cf"]), target)]
