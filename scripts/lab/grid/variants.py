"""Attacks with triggers of another kind than their usual ones, under names of their own."""

from typing import NamedTuple


class Variant(NamedTuple):
    """An attack and its trigger."""

    method: str
    """A name in `ATTACKS`."""
    trigger: str


VARIANTS = {
    "phrase_james_bond": Variant("badnets", "james bond"),
    "phrase_silver_quill": Variant("badnets", "the silver quill"),
    "sentence_of_three": Variant("sentence", "time will tell"),
    "sentence_of_eight": Variant("sentence", "when in rome do as the romans do"),
}
