"""What is told of an answer of several labels: the labels, and of each about which anything was found what was decided.

The levels of detail are those of `handler.answers.document`, by the same rule: below full no score.
"""

from collections.abc import Mapping
from typing import Any

from handler.answers.document import (
    ALARM,
    ALL,
    DECIDED,
    SUSPECTED,
    decision_document,
    explanation_document,
    only,
)
from handler.answers.parts import in_parts
from handler.answers.policy import Answer, LabelsAnswer, ServedAction
from handler.settings import Detail
from handler.xgraad.editing.verdict import Verdict
from handler.xgraad.multilabel.labels_verdict import LabelsPrediction, LabelsVerdict
from handler.xgraad.words.pair import is_pair

MAX_DECISIONS = 3
"""Labels told of in one reply, each with a text of its own: TorchServe limits a reply's size. `n_decisions` has all."""

_LABELS = {"labels": ALL, "label_ids": ALL}
_SAID = {"has_label": ALL}
_DECISION = {"label": ALL, "label_id": ALL, "undefended": _SAID, "defended": _SAID} | DECIDED | SUSPECTED
_TOLD: Mapping[str, Any] = {
    "label": _LABELS | {"truncated": ALL},
    "verdict": _LABELS
    | {
        "truncated": ALL,
        "defense": {
            "rule": ALL,
            "undefended": _LABELS,
            "defended": _LABELS,
            "n_decisions": ALL,
            "decisions": _DECISION,
        }
        | DECIDED,
    },
}
"""What a reply tells at each level; a name that is not in here is not told."""
_UNTESTED = {"defense": {"tested": ALL, "untested": ALL}}
"""Told at every level, as of single labels."""


def labels_document(answer: LabelsAnswer, detail: Detail, *, explain: bool, text: str = "") -> dict[str, Any]:
    """What is told of an answer; for the arguments see `answer_document`."""
    verdict = answer.verdict
    full = {
        **_labels(answer.prediction),
        "probabilities": answer.prediction.probabilities if answer.prediction else None,
        "truncated": answer.truncated,
        "defense": _defense(answer, verdict, text) if verdict else _no_defense(answer),
    }
    full |= _explanation(verdict, text) if explain else {}
    if detail == "full":
        return full
    warning = ALARM if verdict is None else _UNTESTED if verdict.tested is False else {}
    told = _TOLD[detail]
    both = warning | told if detail == "label" else told | {"defense": told["defense"] | warning.get("defense", {})}
    document: dict[str, Any] = only(full, both)
    return document


def _labels(prediction: LabelsPrediction | None) -> dict[str, Any]:
    return {
        "labels": list(prediction.labels) if prediction else None,
        "label_ids": list(prediction.label_ids) if prediction else None,
    }


def _defense(answer: LabelsAnswer, verdict: LabelsVerdict, text: str) -> dict[str, Any]:
    """How the answer came about."""
    decided = _decided(answer)
    untested = [verdict.names[label] for label, each in enumerate(verdict.decisions) if each.tested is False]
    return {
        "rule": verdict.rule,
        "flagged": verdict.flagged,
        "verified": verdict.verified,
        "tested": verdict.tested,
        "action": answer.action,
        "label_changed": verdict.label_changed,
        "label_threshold": verdict.threshold,
        "undefended": _labels(answer.undefended),
        "defended": _labels(verdict.defended),
        "untested": untested,
        "n_decisions": len(decided),
        "decisions": [
            _in_parts(_decision(verdict, label, answer.decisions[label]), text) for label in decided[:MAX_DECISIONS]
        ],
    }


def _decided(answer: LabelsAnswer) -> list[int]:
    """The labels about which anything was found, the worst first."""
    found = [
        label
        for label, each in enumerate(answer.decisions)
        if each.action is not ServedAction.PASSED or (each.verdict and (each.verdict.flagged or each.verdict.verified))
    ]
    return sorted(found, key=lambda label: _rank(answer.decisions[label]))


def _rank(decision: Answer) -> tuple[bool, bool, float]:
    verdict = decision.verdict
    return (not verdict.verified, not verdict.label_changed, verdict.p_value) if verdict else (True, True, 1.0)


def _decision(whole: LabelsVerdict, label: int, answer: Answer) -> dict[str, Any]:
    verdict, name = whole.decisions[label], whole.names[label]
    undefended, defended = _said(whole.undefended, name), _said(whole.defended, name)
    decided = decision_document(verdict, answer.action, undefended=undefended, defended=defended)
    return {"label": name, "label_id": label} | decided


def _said(prediction: LabelsPrediction, name: str) -> dict[str, Any]:
    """Of one label."""
    return {"has_label": name in prediction.labels, "score": prediction.probabilities[name]}


def _no_defense(answer: LabelsAnswer) -> dict[str, Any]:
    """The same names, null where only a verdict could tell."""
    names = ("rule", "flagged", "verified", "tested", "label_changed", "label_threshold", "defended")
    return dict.fromkeys(names) | {
        "action": answer.action,
        "undefended": _labels(answer.undefended),
        "untested": [],
        "n_decisions": 0,
        "decisions": [],
    }


def _explanation(verdict: LabelsVerdict | None, text: str) -> dict[str, Any]:
    """Every word's scores for one label: of those that were scored the one that stands out most."""
    scored = [label for label, each in enumerate(verdict.decisions) if each.words] if verdict else []
    if verdict is None or not scored:
        return explanation_document(()) | {"explanation": {"label": None, "label_id": None, "words": []}}
    label = min(scored, key=lambda each: _own_rank(verdict.decisions[each]))
    found = explanation_document(verdict.decisions[label].words)
    words = _in_parts({"suspects": [], "neutralized_text": None, **found["explanation"]}, text)["words"]
    return found | {"explanation": {"label": verdict.names[label], "label_id": label, "words": words}}


def _own_rank(verdict: Verdict) -> tuple[bool, float]:
    return not verdict.verified, verdict.p_value


def _in_parts(decision: dict[str, Any], text: str) -> dict[str, Any]:
    """The same; of a pair with spans in the text where they stand."""
    if not is_pair(text):
        return decision
    words = {"explanation": {"words": decision.pop("words")}} if "words" in decision else {}
    found = in_parts({"defense": decision, **words}, text)
    return found["defense"] | found.get("explanation", {})
