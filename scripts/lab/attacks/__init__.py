"""The attacks by the names that commands take."""

from scripts.lab.attacks.badnets import BadNets
from scripts.lab.attacks.base import Attack, Plan
from scripts.lab.attacks.file import PoisonedFile
from scripts.lab.attacks.none import NoAttack

__all__ = ["ATTACKS", "Attack", "BadNets", "NoAttack", "Plan", "PoisonedFile"]

ATTACKS: dict[str, type[Attack]] = {
    "badnets": BadNets,
    "file": PoisonedFile,
    "none": NoAttack,
}
