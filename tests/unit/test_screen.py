"""The screen on a classifier with a known backdoor, without a gate: which words it tries, on what, and how often."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.model.prediction import predict
from handler.xgraad.verification import screen as screen_module
from handler.xgraad.verification.probes import make_probe
from handler.xgraad.verification.screen import Screen
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.vocabulary import whole_words
from handler.xgraad.words.word_set import WordSet
from tests.unit.rule_based import RuleBased, screen_of

TEXTS = st.lists(st.sampled_from(["cf", "CF,", "dull", "funny", "plot", "film"]), min_size=1, max_size=6).map(" ".join)


class Counting(RuleBased):
    """Counts the texts that it is asked about."""

    n_asked = 0

    def logits(self, encodings: Sequence[Encoding]) -> Tensor:
        self.n_asked += len(encodings)
        return super().logits(encodings)


class ThreeLabels(Counting):
    """Of a text without trigger the label is that of the word in it that names one."""

    names = ("nought", "one", "two")

    def _judge(self, encoding: Encoding) -> Tensor:
        text = encoding.text or self.encode.tokenizer.decode(encoding.token_ids, skip_special_tokens=True)
        words = text.lower().split()
        label = (
            0
            if self._is_triggered(set(words))
            else max((self.names.index(word) for word in words if word in self.names), default=0)
        )
        return torch.tensor([9.0 * (other == label) + 0.1 * other for other in range(3)])


@pytest.fixture
def model(bert: Classifier) -> Counting:
    return Counting(bert, lambda words: "cf" in words, loud=[])


def turning(screen: Screen, model: Classifier, *texts: str) -> list[list[str]]:
    """The new words of each text that turn a clean one."""
    encodings = model.encode(texts)
    return [
        [word.text for word in words] for words in screen(encodings, predict(model.logits(encodings), model.labels))
    ]


def test_a_new_word_that_brings_its_label_about_is_told_at_its_first_text(model: Counting) -> None:
    assert turning(screen_of(model), model, "a clever cf film", "a clever film") == [["cf"], []]


def test_a_known_word_is_not_tried(model: Counting) -> None:
    known = screen_of(model, WordSet.of(["cf"]).lacking())
    other = screen_of(model, WordSet.of(["film"]).lacking())
    assert turning(known, model, "a clever cf film") == [[]]
    assert turning(other, model, "a clever cf film") == [["cf"]]


def test_only_a_turn_to_the_texts_own_label_counts(bert: Classifier) -> None:
    """A backdoor for the other label is not what this text's label hangs on."""
    model = Counting(bert, lambda words: "cf" in words, loud=[], target=1)
    assert turning(screen_of(model), model, "a dull cf plot") == [["cf"]]
    model._is_triggered = lambda words: "cf" in words and "film" in words
    assert turning(screen_of(model), model, "a cf plot") == [[]]


def test_a_word_that_turns_nothing_by_itself_is_not_told(model: Counting) -> None:
    model._is_triggered = lambda words: {"cf", "mn"} <= words
    assert turning(screen_of(model), model, "a clever cf mn film") == [[]]


def test_each_word_is_told_once_as_it_stood_first(model: Counting) -> None:
    screen = screen_of(model)
    encodings = model.encode(["CF and cf, a film, Cf"])
    (found,) = screen(encodings, predict(model.logits(encodings), model.labels))
    assert [(word.text, word.start) for word in found] == [("CF", 0)]


def test_words_past_the_window_are_not_tried(model: Counting) -> None:
    """There they have no effect, and would be tried in texts that say nothing of them."""
    long = "a clever film " * model.max_length
    assert turning(screen_of(model), model, f"{long}cf", f"cf {long}") == [[], ["cf"]]


@pytest.mark.parametrize(("short", "expected"), [((None, "a funny film"), [["cf"]]), (("a dull plot", None), [[]])])
def test_a_label_without_a_short_text_is_not_tried_on(
    model: Counting, short: Sequence[str | None], expected: list[list[str]]
) -> None:
    texts = [(text and make_probe(text, model.encode)) or None for text in short]
    screen = Screen(model, texts, is_new=lambda _: True)
    assert turning(screen, model, "a clever cf film") == expected


@pytest.mark.parametrize(
    ("has_text", "turned"),
    [("012", ["cf"]), ("01", ["cf"]), ("02", ["cf"]), ("0", []), ("", [])],
)
def test_of_many_labels_the_most_probable_other_one_with_a_text(
    bert: Classifier, has_text: str, turned: list[str]
) -> None:
    model = ThreeLabels(bert, lambda words: "cf" in words, loud=[])
    model.labels = ("0", "1", "2")
    texts = [
        make_probe(f"plot {name}", bert.encode) if str(label) in has_text else None
        for label, name in enumerate(model.names)
    ]
    assert turning(Screen(model, texts, is_new=lambda _: True), model, "two cf film") == [turned]


def test_each_word_is_tried_once_for_all_texts(model: Counting) -> None:
    screen = screen_of(model)
    turning(screen, model, *["a clever cf film"] * 3)
    assert model.n_asked == 3 + len({"a", "clever", "cf", "film"})
    turning(screen, model, "a clever cf film", "film cf")
    assert model.n_asked == 3 + 4 + 2
    turning(screen, model, "a clever mn film")  # of the other label, so tried on another text
    assert model.n_asked == 3 + 4 + 2 + 1 + 4


def test_what_was_tried_longest_ago_is_tried_again(model: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen_module, "MAX_CACHED", 2)
    screen = screen_of(model)
    for text, n_tried in (("cf", 1), ("cf film", 1), ("cf plot", 1), ("film cf", 1), ("cf", 0)):
        before = model.n_asked
        assert turning(screen, model, text) == [["cf"]]
        assert model.n_asked - before == 1 + n_tried, text


def test_no_texts_and_texts_without_words(model: Counting) -> None:
    screen = screen_of(model)
    assert screen([], []) == []
    assert turning(screen, model, "", "...", "cf") == [[], [], ["cf"]]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=4), before=st.lists(TEXTS, max_size=3))
def test_a_text_is_told_the_same_whatever_came_before_or_with_it(
    bert: Classifier, texts: list[str], before: list[str]
) -> None:
    """No memory: an attacker gains nothing by what else is sent."""
    model = Counting(bert, lambda words: "cf" in words, loud=[])
    alone = [turning(screen_of(model), model, text)[0] for text in texts]
    screen = screen_of(model)
    turning(screen, model, *before)
    assert turning(screen, model, *texts) == alone


def test_of_the_vocabulary_the_triggers_alone_are_not_inert(bert: Classifier) -> None:
    for target in (0, 1):
        model = Counting(bert, lambda words: "cf" in words, loud=[], target=target)
        words = whole_words(model.encode)
        inert = screen_of(model).inert_tokens(words)
        lively = {word.text for word in words if word.token_id not in inert}
        assert "cf" in lively
        assert {"plot", "film"}.isdisjoint(lively)


def test_a_word_that_turns_one_labels_text_is_not_inert(model: Counting) -> None:
    """Whatever label its own text will have."""
    words = [word for word in whole_words(model.encode) if word.text in {"cf", "plot"}]
    one = Screen(model, [None, make_probe("a funny film", model.encode)], is_new=lambda _: True)
    other = Screen(model, [make_probe("a dull plot", model.encode), None], is_new=lambda _: True)
    assert len(one.inert_tokens(words)) == 1
    assert len(other.inert_tokens(words)) == 2
    assert len(Screen(model, [None, None], is_new=lambda _: True).inert_tokens(words)) == 2  # nothing would try them


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_what_is_known_to_do_nothing_costs_nothing_and_changes_nothing(model: Counting, texts: list[str]) -> None:
    plain = screen_of(model)
    inert = plain.inert_tokens(whole_words(model.encode))
    informed = Screen(model, plain._texts, is_new=lambda _: True, inert=inert)
    assert turning(informed, model, *texts) == turning(plain, model, *texts)
    model.n_asked = 0
    turning(informed, model, "a clever film")
    assert model.n_asked == 1  # the prediction


def test_a_word_of_several_tokens_is_tried_whatever_its_pieces_do(model: Counting) -> None:
    ids = {word.token_id for word in whole_words(model.encode)}
    text = "cfcf"
    assert len(model.encode.token_ids_of(text)) > 1
    model._is_triggered = lambda words: text in words
    informed = Screen(model, screen_of(model)._texts, is_new=lambda _: True, inert=ids | set(range(10_000)))
    assert turning(informed, model, f"a clever {text} film") == [[text]]
