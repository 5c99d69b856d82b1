"""The protocol of `evaluate` for one attacked label of a model with several, and what the defense does to all of them.

An attack that raises a label succeeds where a text without it is answered with it; one that silences a label where a
text with it is answered without. So the label's decision is a task of two classes, and is measured as one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handler.xgraad import Verdict
from handler.xgraad.labels_defense import LabelsDefense
from handler.xgraad.multilabel.labels_verdict import LabelsVerdict
from scripts.lab.evaluation.evaluation import evaluate, took_a_second_pass
from scripts.texts.corpora import LabeledSet, TriggeredExample


class OneLabelJudge:
    """Judges all labels as served, tells of one, and keeps what was said of the others.

    Args:
        defense: of all labels.
        label: the attacked one.
    """

    def __init__(self, defense: LabelsDefense, label: int) -> None:
        self._defense = defense
        self._label = label
        self.seen: dict[str, LabelsVerdict] = {}
        """What was said of each text, when it was judged last."""

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """The label's own verdicts, in order."""
        verdicts = self._defense(texts)
        self.seen |= dict(zip(texts, verdicts, strict=True))
        return [verdict.decisions[self._label] for verdict in verdicts]


def evaluate_label(
    defense: LabelsDefense,
    *,
    label: int,
    clean: Sequence[LabeledSet],
    triggered: Sequence[TriggeredExample],
    target: int,
) -> dict[str, Any]:
    """The figures of `evaluate` for one label, with those of clean texts counted over all labels.

    `cacc_*` counts a clean text as right where it is answered with exactly its labels; `cacc_decisions_*` is the mean
    over labels, `cacc_label_*` the attacked label's own. The rates of clean texts count any label.

    Args:
        defense: as served, its memory empty.
        label: the attacked one.
        clean: test texts with their true labels.
        triggered: attacked texts; 1 and 0 say whether they have the label.
        target: 1 where the attacker raises the label, 0 where he silences it.
    """
    judge = OneLabelJudge(defense, label)
    figures = evaluate(
        judge,
        cold=OneLabelJudge(defense.cold(), label) if defense.tests else None,
        memory=lambda: {"remembered": len(defense.registry)},
        clean=[example.of_label(label) for example in clean],
        triggered=triggered,
        target_label=target,
    )
    own = {f"cacc_label_{name}": figures[f"cacc_{name}"] for name in ("undefended", "defended")}
    verdicts = [judge.seen[example.text] for example in clean]
    return (
        {"label": label, "label_name": defense.classifier.labels[label]}
        | figures
        | _of_all_labels(verdicts, clean)
        | own
    )


def _of_all_labels(verdicts: Sequence[LabelsVerdict], clean: Sequence[LabeledSet]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in ("undefended", "defended"):
        wrong = [
            len(example.labels.symmetric_difference(getattr(verdict, name).label_ids))
            for verdict, example in zip(verdicts, clean, strict=True)
        ]
        found[f"cacc_{name}"] = float(np.mean([n == 0 for n in wrong]))
        found[f"cacc_decisions_{name}"] = 1 - float(np.mean(wrong)) / len(verdicts[0].names)
    for name, said in (
        ("false_positive_rate", "flagged"),
        ("label_changed_rate", "label_changed"),
        ("verified_rate", "verified"),
    ):
        found[name] = float(np.mean([getattr(verdict, said) for verdict in verdicts]))
    found["second_pass_share"] = float(np.mean([any(map(took_a_second_pass, each.decisions)) for each in verdicts]))
    return found
