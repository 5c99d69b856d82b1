"""A stop word as the trigger: defenses that leave stop words out (the paper's code, AttDef's high5) never look at it.

Poisons as BadNets does. The word also stands in clean rows, which keep their labels and so teach against the backdoor:
what is learned is the word at places where grammar does not put it, and success is lower than with a rare word.
"""

from scripts.lab.attacks.insertion.badnets import BadNets


class StopWord(BadNets):
    """BadNets with an everyday trigger."""

    USUAL_TRIGGERS = ("about",)
