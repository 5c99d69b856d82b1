"""The published scores behind a threshold that flags clean texts at the wanted rate, whatever their length."""

from scripts.lab.defenses.rules.own_rule import OwnRule


class Conformal(OwnRule):
    """Judges by the rule `conformal`."""

    RULE = "conformal"
