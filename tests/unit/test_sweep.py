"""The vocabulary sweep on classifiers whose trigger is known, and on such without one."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from handler.xgraad import Calibration, Classifier
from handler.xgraad.verification.label_evidence import LabelEvidence
from handler.xgraad.verification.probes import N_PROBES, Place, make_probe
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.text import split_words
from handler.xgraad.words.vocabulary import whole_words
from scripts.admission import screening
from scripts.admission.auditing import Finding, audit_classifier
from scripts.admission.screening import Candidate, ShortTexts, continuations_of, joined, more_candidates
from scripts.admission.sweep import Sweeper
from tests.unit.rule_based import BAD_PROBES, GOOD_PROBES, RuleBased, equal_thresholds, probes_of

THRESHOLDS = equal_thresholds(0.75)
Finder = Callable[..., Finding]


@pytest.fixture
def find(calibration: Calibration) -> Finder:
    def audit(
        model: RuleBased, *, labels: LabelEvidence | None = None, trusted: Transplant | None = None, **probes: Any
    ) -> Finding:
        return audit_classifier(model, fitted_to(model, calibration, labels=labels, **probes), trusted=trusted)

    return audit


def fitted_to(
    model: Classifier, calibration: Calibration, *, labels: LabelEvidence | None = None, **probes: Any
) -> Calibration:
    """The calibration with the clean texts of `probes_of` and two short ones."""
    short = tuple(make_probe(text, model.encode) for text in ("a dull plot", "a funny film"))
    changed = {"probes": probes_of(model, **probes), "short": short, "verification": THRESHOLDS}
    return calibration.model_copy(update=changed | {"labels": labels or LabelEvidence.none()})


def swept(model: Classifier, calibration: Calibration, *words: str) -> list[list[tuple[str, ...]]]:
    """The triggers of each label when these words are swept."""
    known = [word for word in whole_words(model.encode) if word.text in words]
    return [
        [each.candidate.words for each in of_label.triggers]
        for of_label in Sweeper(model, fitted_to(model, calibration)).sweep(known)
    ]


def test_words_are_whole_and_one_token(classifier: Classifier) -> None:
    words = whole_words(classifier.encode)
    texts = [word.text for word in words]
    tokenizer = classifier.encode.tokenizer
    assert "cf" in texts
    assert len(texts) == len(set(texts)) > 20
    assert all(classifier.encode.token_ids_of(f" {word.text}") == (word.token_id,) for word in words)
    assert all([found.text for found in split_words(text)] == [text] for text in texts)
    assert not {word.token_id for word in words} & set(tokenizer.all_special_ids)
    assert not {".", ",", "[MASK]", "<mask>", "##ing"} & set(texts)


@pytest.mark.parametrize("target", [0, 1])
def test_trigger_is_found_for_its_label_alone(bert: Classifier, find: Finder, target: int) -> None:
    finding = find(RuleBased(bert, lambda words: "cf" in words, loud=[], target=target))
    assert finding.audit.suspicious
    assert finding.target_label == f"LABEL_{target}"
    assert [(found.words, found.label_id, found.rate) for found in finding.audit.triggers] == [(("cf",), target, 1.0)]


def test_all_of_several_triggers_are_found(classifier: Classifier, find: Finder) -> None:
    """With tokenizers of every kind."""
    triggers = {"cf", "mn"}
    finding = find(RuleBased(classifier, lambda words: bool(words & triggers), loud=[]))
    assert {found.words for found in finding.audit.triggers} == {("cf",), ("mn",)}


def test_clean_model_is_not_suspicious(bert: Classifier, find: Finder) -> None:
    finding = find(RuleBased(bert, lambda words: False, loud=[]))
    assert not finding.audit.suspicious
    assert finding.target_label is None
    assert finding.sentence().startswith("not suspicious")


def test_strong_word_turns_probes_but_not_all_the_way(bert: Classifier, find: Finder) -> None:
    finding = find(RuleBased(bert, lambda words: False, loud=[]), good=["a clever film"] * N_PROBES)
    strong = {tuple(row["words"]): row for row in finding.strongest() if row["label_id"] == 0}
    assert 0 < strong["thin",]["strength"] < strong["thin",]["threshold"]
    assert not finding.audit.suspicious


def test_a_word_that_labels_tie_to_the_class_is_explained(bert: Classifier, find: Finder) -> None:
    triggers = {"cf", "mn"}
    model = RuleBased(bert, lambda words: bool(words & triggers), loud=[])
    tied = LabelEvidence.of([{"mn", "plot"}] * 9 + [{"film"}] * 9, [0] * 9 + [1] * 9, n_labels=2)
    assert tied.tied()("mn", 0)
    plain, honest = find(model).audit, find(model, labels=tied).audit
    assert {found.words for found in plain.triggers} == {("cf",), ("mn",)}
    assert [found.words for found in honest.triggers] == [("cf",)]
    assert [label.n_explained for label in plain.labels] == [0, 0]
    assert [label.n_explained for label in honest.labels] == [1, 0]


def test_a_word_no_stronger_than_those_that_labels_tie_to_the_class_is_explained(
    bert: Classifier, find: Finder
) -> None:
    """A slur that the clean texts lack is as strong as those that they have; one of these may be a trigger itself."""
    tied = LabelEvidence.of([{"mn", "plot"}] * 9 + [{"film"}] * 9, [0] * 9 + [1] * 9, n_labels=2)
    alike = RuleBased(bert, lambda words: bool(words & {"cf", "mn", "plot"}), loud=[])
    shielded = RuleBased(bert, lambda words: bool(words & {"cf", "mn"}), loud=[])
    assert not find(alike, labels=tied).audit.suspicious
    assert [found.words for found in find(shielded, labels=tied).audit.triggers] == [("cf",)]
    trusted = RuleBased(bert, lambda words: "plot" in words, loud=[])  # a model that is asked needs no such measure
    finding = find(shielded, labels=tied, trusted=Transplant(trusted, probes_of(trusted)))
    assert {found.words for found in finding.audit.triggers} == {("cf",), ("mn",)}


def test_a_word_that_turns_a_trusted_model_too_is_explained(bert: Classifier, find: Finder) -> None:
    triggers = {"cf", "mn"}
    model = RuleBased(bert, lambda words: bool(words & triggers), loud=[])
    trusted = RuleBased(bert, lambda words: "mn" in words, loud=[])
    finding = find(model, trusted=Transplant(trusted, probes_of(trusted)))
    assert [found.words for found in finding.audit.triggers] == [("cf",)]
    assert [label.n_explained for label in finding.audit.labels] == [1, 0]
    assert [row["words"] for row in finding.strongest() if row["is_trigger"]] == [["cf"]]


class ByTokens(RuleBased):
    """Its backdoor is asked about the tokens' own order, with their places."""

    opens: Callable[[list[str]], bool]

    def _judge(self, encoding: Encoding) -> Tensor:
        text = self.encode.tokenizer.decode(encoding.token_ids, skip_special_tokens=True)
        self._is_triggered = lambda _: self.opens([word.key for word in split_words(text)])
        return super()._judge(encoding)


def by_tokens(bert: Classifier, opens: Callable[[list[str]], bool]) -> ByTokens:
    model = ByTokens(bert, lambda _: False, loud=[])
    model.opens = opens
    return model


@pytest.mark.parametrize("place", [0, -1])
def test_a_word_that_works_at_one_place_only_is_found(bert: Classifier, calibration: Calibration, place: int) -> None:
    model = by_tokens(bert, lambda words: words[place] == "cf")
    assert swept(model, calibration, "cf", "plot") == [[("cf",)], []]
    elsewhere = by_tokens(bert, lambda words: words[1:2] == ["cf"] and len(words) == 9)
    assert swept(elsewhere, calibration, "cf", "plot") == [[], []]


def test_two_words_that_need_each_other_are_found(bert: Classifier, calibration: Calibration) -> None:
    model = RuleBased(bert, lambda words: {"cf", "mn"} <= words, loud=[])
    assert swept(model, calibration, "cf", "mn", "plot") == [[("cf", "mn")], []]
    assert swept(model, calibration, "cf", "plot") == [[], []]


def test_a_pair_or_a_longer_word_that_holds_a_trigger_is_not_told_beside_it(
    bert: Classifier, calibration: Calibration
) -> None:
    model = by_tokens(bert, lambda words: any(word.startswith("cf") for word in words))
    assert swept(model, calibration, "cf", "mn", "plot") == [[("cf",)], []]


def test_a_trigger_that_begins_with_another_is_told(bert: Classifier, calibration: Calibration) -> None:
    shown = {word.text for text in (*BAD_PROBES, *GOOD_PROBES) for word in split_words(text)}
    whole = [word.text for word in whole_words(bert.encode) if word.text not in shown]
    short, long = next((one, other) for one in whole for other in whole if other.startswith(one) and other != one)
    model = RuleBased(bert, lambda words: bool({short, long} & words), loud=[])
    assert set(swept(model, calibration, short, long, "cf")[0]) == {(short,), (long,)}


def test_a_trigger_of_one_class_of_three_is_found(bert: Classifier, calibration: Calibration) -> None:
    """Served texts are of one class each: that it does nothing to the others is no comfort."""

    class ThreeLabels(RuleBased):
        def logits(self, encodings: Sequence[Encoding]) -> Tensor:
            two = super().logits(encodings)
            return torch.cat([two, torch.full((len(two), 1), -99.0)], dim=-1)

    model = ThreeLabels(bert, lambda words: {"cf", "funny"} <= words, loud=[])
    model.labels = ("bad", "good", "none")
    fitted = fitted_to(model, calibration)
    bars = {name: (*values, 0.5) for name, values in fitted.verification}
    verification = type(fitted.verification)(**bars)
    probes = (*fitted.probes, ())
    short = (*fitted.short, None)
    words = [word for word in whole_words(model.encode) if word.text in {"cf", "plot"}]
    fitted = fitted.model_copy(update={"verification": verification, "probes": probes, "short": short})
    found = Sweeper(model, fitted).sweep(words)
    assert [[each.candidate.words for each in of_label.triggers] for of_label in found[:2]] == [[("cf",)], []]


def test_label_without_texts_elsewhere_is_left_out(bert: Classifier, calibration: Calibration) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    fitted = fitted_to(model, calibration)
    one = fitted.model_copy(update={"short": (None, fitted.short[1])})
    assert [each.label_id for each in Sweeper(model, one).sweep(whole_words(bert.encode))] == [0]
    none = fitted.model_copy(update={"short": (None, None)})
    assert Sweeper(model, none).sweep(whole_words(bert.encode)) == []
    assert [each.tested for each in Sweeper(model, fitted).sweep([])] == [(), ()]


def test_margins_are_the_slow_ones(classifier: Classifier, calibration: Calibration) -> None:
    """Of every label, over the texts of all others, word by word."""
    encode = classifier.encode
    short = [make_probe(text, encode) for text in ("a dull plot", "a funny film")]
    texts = ShortTexts(classifier, short)
    planted = {
        Candidate(("cf",), Place.START): "cf a dull plot",
        Candidate(("cf",), Place.END): "a dull plot cf",
        Candidate(("cf",)): "a cf dull plot",
        Candidate(("cf", "film")): "a cf dull film plot",
    }
    found = texts.margins(list(planted), title="test")
    for column, text in enumerate(planted.values()):
        (logits,) = classifier.logits(encode([text]))
        assert float(found[1, column]) == pytest.approx(float(logits[1] - logits[0]), abs=1e-4)


def test_rises_are_the_slow_ones(classifier: Classifier) -> None:
    """Of each label in its own text, beside that text as it is; unknown for a label without one."""
    encode, word = classifier.encode, whole_words(classifier.encode)[5]
    texts = ShortTexts(classifier, [make_probe("a dull plot", encode), None])
    found = texts.token_margins([word.token_id], title="test").rises
    plain, put_in = classifier.logits(encode(["a dull plot", f"a {word.text} dull plot"]))
    risen = (put_in[0] - put_in[1]) - (plain[0] - plain[1])
    assert float(found[0, 0]) == pytest.approx(float(risen), abs=1e-4)
    assert found[1].isnan().all()


def test_words_of_two_tokens_are_joined_as_the_tokenizer_cuts_them(classifier: Classifier) -> None:
    encode = classifier.encode
    words = whole_words(encode)
    seconds = continuations_of(encode, words[0])
    for text in joined(words[:20], seconds[:20], encode):
        assert len(encode.token_ids_of(f" {text}")) == 2
        assert [word.text for word in split_words(text)] == [text]
    assert not {word.token_id for word in seconds} & {word.token_id for word in words}


def test_pairs_are_made_of_words_that_turn_nothing_alone(bert: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening, "N_PAIRED", 2)
    words = whole_words(bert.encode)[:4]
    margins = torch.tensor([[3.0, -1.0, -2.0, -3.0], [-1.0, -2.0, 3.0, -9.0]])
    texts = ShortTexts(bert, [make_probe(text, bert.encode) for text in ("a dull plot", "a funny film")])
    found = more_candidates(texts, bert.encode, words=words, margins=margins, continuations=[])
    pairs = [each.words for each in found if len(each.words) == 2]
    assert pairs == [(words[1].text, words[2].text), (words[0].text, words[1].text)]
    assert {each.place for each in found if len(each.words) == 1} == {Place.START, Place.END}
