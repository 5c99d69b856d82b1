"""The default rule: suspects are tried on clean texts before anything is changed."""

from scripts.lab.defenses.rules.own_rule import OwnRule


class Verified(OwnRule):
    """Judges by the rule `verified`."""

    RULE = "verified"
