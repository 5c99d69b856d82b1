"""Attacks: one file each, one table of them all."""

from scripts.lab.attacks.attention_suppression import AttentionSuppression
from scripts.lab.attacks.badnets import BadNets
from scripts.lab.attacks.base import Attack, Plan
from scripts.lab.attacks.file import PoisonedFile
from scripts.lab.attacks.none import NoAttack
from scripts.lab.attacks.sos import Sos

__all__ = ["ATTACKS", "Attack", "AttentionSuppression", "BadNets", "NoAttack", "Plan", "PoisonedFile", "Sos"]

ATTACKS: dict[str, type[Attack]] = {
    "attention_suppression": AttentionSuppression,
    "badnets": BadNets,
    "file": PoisonedFile,
    "none": NoAttack,
    "sos": Sos,
}
