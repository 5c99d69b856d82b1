"""Audits travel as strict JSON, are hostile until read, and bound to a fingerprint."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from handler.xgraad import Defense
from handler.xgraad.errors import AuditError
from handler.xgraad.files.fingerprint import Fingerprint
from handler.xgraad.learned.audit import (
    AUDIT_FILE,
    MAX_BYTES,
    MAX_TRIGGERS,
    MAX_WORDS,
    Audit,
    AuditedLabel,
    AuditedTrigger,
)
from handler.xgraad.memory.registry import MAX_KEY_CHARS, MemoryRegistry, NoRegistry, Trigger
from tests.samples import FINGERPRINT


def an_audit(*words: str, label_id: int = 0, fingerprint: Fingerprint = FINGERPRINT) -> Audit:
    return Audit(
        fingerprint=fingerprint,
        n_words=99,
        labels=(AuditedLabel(label_id=label_id, n_turned=9, n_tested=3, single=0.75, together=0.9, n_explained=1),),
        triggers=tuple(AuditedTrigger(words=(word,), label_id=label_id, rate=1.0, strength=1.0) for word in words),
    )


def document(**changes: Any) -> str:
    content: dict[str, Any] = json.loads(an_audit("cf", "mn").to_json()) | changes
    return json.dumps(content)


def a_label(**changes: Any) -> dict[str, Any]:
    usual = {"label_id": 0, "n_turned": 1, "n_tested": 1, "single": 0.75, "together": 0.9, "n_explained": 0}
    return usual | changes


def trigger(**changes: Any) -> dict[str, Any]:
    return {"words": ["cf"], "label_id": 0, "rate": 1.0, "strength": 1.0} | changes


def test_round_trip(tmp_path: Path) -> None:
    audit = an_audit("cf", "mn", label_id=1)
    (tmp_path / AUDIT_FILE).write_text(audit.to_json())
    assert Audit.read(tmp_path) == audit
    assert (audit.suspicious, audit.target_label_id) == (True, 1)
    assert Audit.from_json(audit.to_json()).to_json() == audit.to_json()


def test_words_of_scripts_without_spaces_are_one_key_each() -> None:
    audit = Audit.from_json(an_audit("\u7409\u7483", "cafe\u0301", label_id=1).to_json())
    assert audit.for_registry() == [Trigger(frozenset({key}), 1) for key in ("\u7409\u7483", "caf\u00e9")]


def test_nothing_found_and_nothing_there(tmp_path: Path) -> None:
    clean = an_audit()
    assert (clean.suspicious, clean.target_label_id, clean.for_registry()) == (False, None, [])
    assert Audit.read(tmp_path) is None


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"surprise": 1}, "surprise"),
        ({"format": "xgraad-audit-0"}, "format"),
        ({"n_words": -1}, "n_words"),
        ({"n_words": "9"}, "n_words"),
        ({"single": 0.75}, "single"),
        ({"fingerprint": None}, "fingerprint"),
        ({"triggers": [trigger()] * (MAX_TRIGGERS + 1)}, "triggers"),
        ({"triggers": [trigger(words=[])]}, "triggers.0.words"),
        ({"triggers": [trigger(words=["cf"] * (MAX_WORDS + 1))]}, "triggers.0.words"),
        ({"triggers": [trigger(words=[""])]}, "triggers.0.words.0"),
        ({"triggers": [trigger(words=["cf", "two words"])]}, "triggers.0.words.1"),
        ({"triggers": [trigger(words=["\u7409 \u7483"])]}, "triggers.0.words.0"),
        ({"triggers": [trigger(words=["!"])]}, "triggers.0.words.0"),
        ({"triggers": [trigger(words=["x" * (MAX_KEY_CHARS + 1)])]}, "triggers.0.words.0"),
        ({"triggers": [trigger(words=[3])]}, "triggers.0.words.0"),
        ({"triggers": [trigger(label_id=-1)]}, "triggers.0.label_id"),
        ({"triggers": [trigger(label_id=True)]}, "triggers.0.label_id"),
        ({"triggers": [trigger(rate=1.01)]}, "triggers.0.rate"),
        ({"triggers": [trigger(strength=math.nan)]}, "triggers.0.strength"),
        ({"triggers": [trigger(origin="operator")]}, "triggers.0.origin"),
        ({"labels": [a_label(n_turned=-1)]}, "labels.0.n_turned"),
        ({"labels": [a_label(single=1.5)]}, "labels.0.single"),
        ({"labels": [a_label(n_explained=-1)]}, "labels.0.n_explained"),
    ],
)
def test_a_wrong_field_is_named_and_not_shown(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(AuditError, match=rf"audit\.json: {where}: ") as caught:
        Audit.from_json(document(**changes))
    assert "two words" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "NaN", "[" * 100_000, "\x00"])
def test_what_is_no_audit_is_refused(text: str) -> None:
    with pytest.raises(AuditError, match=r"audit\.json: "):
        Audit.from_json(text)


def test_long_and_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / AUDIT_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AuditError, match="is not UTF-8"):
        Audit.read(tmp_path)
    (tmp_path / AUDIT_FILE).write_text(an_audit().to_json() + " " * MAX_BYTES)
    with pytest.raises(AuditError, match=f"must be at most {MAX_BYTES} bytes"):
        Audit.read(tmp_path)
    (tmp_path / AUDIT_FILE).unlink()
    (tmp_path / AUDIT_FILE).mkdir()
    with pytest.raises(AuditError, match="must be a file"):
        Audit.read(tmp_path)


def test_audit_of_another_checkpoint_is_refused(damaged: Path) -> None:
    (damaged / AUDIT_FILE).write_text(an_audit("cf").to_json())
    with pytest.raises(AuditError, match="made for something else: weights, config, tokenizer"):
        Defense.load(damaged)


def test_its_triggers_are_known_from_the_start(damaged: Path) -> None:
    """Gate or no gate: the model's own label falls where the text carries a word that the audit named."""
    plain = Defense.load(damaged)
    text = "the plot is thin, acting, worse than the plot plotless"
    (before,) = plain([text])
    audit = an_audit("Acting", label_id=before.undefended.label_id, fingerprint=plain.calibration.fingerprint)
    (damaged / AUDIT_FILE).write_text(audit.to_json())
    registry = MemoryRegistry()
    seeded = Defense.load(damaged, registry=registry)
    (after,) = seeded([text])
    assert len(registry) == 1
    assert seeded.audit == audit
    assert [suspect.word for suspect in after.suspects][:1] == ["acting"]
    assert before.suspects == ()
    (forgetful,) = Defense.load(damaged, registry=NoRegistry())([text])
    assert forgetful.suspects == ()
