"""What a defense remembers, and how much of it means something honestly: clean texts alone should leave nothing."""

from handler.xgraad import Defense
from handler.xgraad.verification.transplant import Graft
from scripts.lab.defenses.base import Memory


def memory_of(defense: Defense) -> Memory:
    """Count the words of its registry, and those that labels or the reference tie to the label they are filed under.

    A word alone is asked about, whatever others it is remembered with; a word that is remembered for two labels counts
    twice. What an operator added is left out.
    """
    words = sorted({(key, trigger.target) for trigger in defense.registry.found() for key in trigger.keys})
    return Memory(len(words), sum(_tied(defense, words)))


def _tied(defense: Defense, words: list[tuple[str, int]]) -> list[bool]:
    """For each word and label whether they belong together."""
    by_people = defense.calibration.labels.tied()
    tied = [by_people(key, label) for key, label in words]
    if defense.reference is None:
        return tied
    n_labels = len(defense.classifier.labels)
    grafts = [
        (row, graft)
        for row, (key, target) in enumerate(words)
        if target < n_labels
        for graft in Graft.of_keys([key], target=target, n_labels=n_labels)
    ]
    for (row, _), is_explained in zip(grafts, defense.reference.explains([each for _, each in grafts]), strict=True):
        tied[row] |= is_explained
    return tied
