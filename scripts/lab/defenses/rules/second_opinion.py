"""The rule `verified` where the reference answers texts that the gate objects to and in which no trigger is found."""

from handler.xgraad import VerifiedOptions
from scripts.lab.defenses.rules.referred import Referred


class Overruled(Referred):
    """Judges as `Referred` does, with the reference as the second opinion."""

    OPTIONS = VerifiedOptions(second_opinion=True)
