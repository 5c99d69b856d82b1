"""The published rule: a percentile of clean anomaly scores, character noise on the top word."""

from scripts.lab.defenses.rules.own_rule import OwnRule


class Paper(OwnRule):
    """Judges by the rule `paper`."""

    RULE = "paper"
