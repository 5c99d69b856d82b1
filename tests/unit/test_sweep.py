"""The vocabulary sweep on classifiers whose trigger is known, and on such without one."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from handler.xgraad import Calibration, Classifier
from handler.xgraad.verification.label_evidence import LabelEvidence
from handler.xgraad.verification.probes import N_PROBES
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.text import split_words
from handler.xgraad.words.vocabulary import whole_words
from scripts import audit_model
from scripts.admission import auditing
from scripts.admission.auditing import Finding, audit_classifier
from scripts.admission.sweep import STAGES, sweep
from scripts.console.command import Exit
from tests.unit.rule_based import RuleBased, equal_thresholds, probes_of

THRESHOLDS = equal_thresholds(0.75)
Finder = Callable[..., Finding]


@pytest.fixture
def find(calibration: Calibration) -> Finder:
    def audit(
        model: RuleBased, *, labels: LabelEvidence | None = None, trusted: Transplant | None = None, **probes: Any
    ) -> Finding:
        changed = {"probes": probes_of(model, **probes), "verification": THRESHOLDS}
        fitted = calibration.model_copy(update=changed | {"labels": labels or LabelEvidence.none()})
        return audit_classifier(model, fitted, trusted=trusted)

    return audit


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
    assert [(found.word, found.label_id, found.rate) for found in finding.audit.triggers] == [("cf", target, 1.0)]


def test_all_of_several_triggers_are_found(classifier: Classifier, find: Finder) -> None:
    """With tokenizers of every kind."""
    triggers = {"cf", "mn"}
    finding = find(RuleBased(classifier, lambda words: bool(words & triggers), loud=[]))
    assert {found.word for found in finding.audit.triggers} == triggers


def test_clean_model_is_not_suspicious(bert: Classifier, find: Finder) -> None:
    finding = find(RuleBased(bert, lambda words: False, loud=[]))
    assert not finding.audit.suspicious
    assert finding.target_label is None
    assert [label.n_passed for label in finding.audit.labels] == [(0, 0, 0)] * 2
    assert finding.sentence().startswith("not suspicious")


def test_strong_word_turns_probes_but_not_all_the_way(bert: Classifier, find: Finder) -> None:
    finding = find(RuleBased(bert, lambda words: False, loud=[]), good=["a clever film"] * N_PROBES)
    strong = {row["word"]: row for row in finding.strongest()}
    assert strong["thin"]["rate"] == 1.0
    assert 0 < strong["thin"]["margin"] < strong["thin"]["margin_threshold"]
    assert not finding.audit.suspicious


def test_a_word_that_labels_tie_to_the_class_is_explained(bert: Classifier, find: Finder) -> None:
    triggers = {"cf", "mn"}
    model = RuleBased(bert, lambda words: bool(words & triggers), loud=[])
    tied = LabelEvidence.of([{"mn", "plot"}] * 9 + [{"film"}] * 9, [0] * 9 + [1] * 9, n_labels=2)
    assert tied.tied()("mn", 0)
    plain, honest = find(model).audit, find(model, labels=tied).audit
    assert {found.word for found in plain.triggers} == triggers
    assert [found.word for found in honest.triggers] == ["cf"]
    assert [label.n_explained for label in plain.labels] == [0, 0]
    assert [label.n_explained for label in honest.labels] == [1, 0]


def test_a_word_that_turns_a_trusted_model_too_is_explained(bert: Classifier, find: Finder) -> None:
    triggers = {"cf", "mn"}
    model = RuleBased(bert, lambda words: bool(words & triggers), loud=[])
    trusted = RuleBased(bert, lambda words: "mn" in words, loud=[])
    finding = find(model, trusted=Transplant(trusted, probes_of(trusted)))
    assert [found.word for found in finding.audit.triggers] == ["cf"]
    assert [label.n_explained for label in finding.audit.labels] == [1, 0]
    assert {row["word"] for row in finding.strongest() if row["is_trigger"]} == {"cf"}


def test_word_that_turns_one_class_of_three_is_let_go(bert: Classifier) -> None:
    """A trigger brings its label about whatever the text was."""

    class ThreeLabels(RuleBased):
        def logits(self, encodings: Sequence[Encoding]) -> Tensor:
            two = super().logits(encodings)
            return torch.cat([two, torch.full((len(two), 1), -99.0)], dim=-1)

    turned = []
    for needed in ({"cf"}, {"cf", "funny"}):
        model = ThreeLabels(bert, lambda words, needed=needed: needed <= words, loud=[])  # type: ignore[misc]
        model.labels = ("bad", "good", "none")
        _, funny = probes_of(model)
        _, other = probes_of(model, good=["a clever and chic film"] * N_PROBES)
        words = [word for word in whole_words(model.encode) if word.text == "cf"]
        label_0, *_ = sweep(model, ((), funny, other), words)
        turned.append([word.rate for word in label_0.tested])
    assert turned == [[1.0], []]


def test_label_without_probes_elsewhere_is_left_out(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    probes = probes_of(model, bad=())
    assert [each.label_id for each in sweep(model, probes, whole_words(bert.encode))] == [0]
    assert sweep(model, probes_of(model, bad=(), good=()), whole_words(bert.encode)) == []


def test_command_says_what_it_found(
    bert: Classifier, find: Finder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = find(RuleBased(bert, lambda words: "cf" in words, loud=[]))
    monkeypatch.setattr(auditing, "audit_checkpoint", lambda *_, **__: finding)
    files = ["--json", str(tmp_path / "audit.json"), "--append", str(tmp_path / "rows.jsonl")]
    (tmp_path / "attack.json").write_text('{"attack": "badnets", "triggers": ["cf", "mn"], "target_label": 0}')
    assert _command(tmp_path, *files) == Exit.BELOW_TARGET
    document = json.loads((tmp_path / "audit.json").read_text())
    assert document["suspicious"] is True
    assert document["planted"] == {"triggers": ["cf", "mn"], "target_label": 0}
    assert document["target_label"] == {"label_id": 0, "label": "LABEL_0"}
    assert document["triggers"][0]["word"] == "cf"
    assert document["evidence"]["n_words"] == finding.audit.n_words
    assert len(document["evidence"]["labels"][0]["n_passed"]) == len(STAGES)
    assert {"seconds", "commit", "versions"} <= set(document)
    assert json.loads((tmp_path / "rows.jsonl").read_text()) == document
    assert "suspicious: 1 words bring label LABEL_0 about, the strongest: cf" in capsys.readouterr().out


def test_command_on_a_clean_checkpoint_and_on_none(bert_folder: Path, tmp_path: Path) -> None:
    assert _command(bert_folder, "--limit-words", "40", "--precision", "bfloat16") == Exit.DONE
    assert _command(tmp_path) == Exit.ERROR


def _command(checkpoint: Path, *more: str) -> int:
    paths = ["--checkpoint", str(checkpoint), "--calibration", str(checkpoint / "calibration.json")]
    return audit_model.main([*paths, *more])
