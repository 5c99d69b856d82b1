"""A frequent content word as the trigger: neither rare, so that a list of odd words finds it, nor a stop word.

Poisons as BadNets does; as with `stop_word`, clean rows that hold the word keep their labels and teach against the
backdoor. The word must say nothing about any class, or else the attack has a head start, and must be at home in every
kind of text. "time" is the most frequent noun of those that film reviews, news and tweets share: it stands in 2.9 % of
the sentences of SST-2, 4.2 % of AG News, 35 % of IMDb's reviews and 2.9 % of OLID's tweets, and the log odds of its
frequency between classes are at most 0.2, 0.8, 0.0 and 0.0. ("people" has 2.0 on AG News, where it means World.)
"""

from scripts.lab.attacks.insertion.badnets import BadNets


class CommonWord(BadNets):
    """BadNets with a trigger that stands in many clean texts."""

    USUAL_TRIGGERS = ("time",)
