"""What a victim of the grid is measured on."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scripts.lab.attacks.attacked_texts import own_texts
from scripts.lab.attacks.replay import replay_attack
from scripts.lab.evaluation.twins import attackable
from scripts.lab.grid.cell import Victim
from scripts.lab.grid.rewritten_sets import REWRITTEN_SETS
from scripts.lab.training.triggers import USUAL_INSERTION
from scripts.results.provenance import attack_record
from scripts.texts.corpora import Example, TriggeredExample, read_examples, read_triggered, split_file


class VictimTexts(NamedTuple):
    """As `measure_defense` takes them."""

    clean: Sequence[Example]
    triggered: Sequence[TriggeredExample]
    """From the attack's own file, or for another insertion made of the clean ones."""
    own_texts: Sequence[TriggeredExample]


def victim_texts(
    victim: Victim, folder: Path, data: Path, *, insertion: str, n_clean: int | None, n_triggered: int | None
) -> VictimTexts:
    """The test texts of its data set, attacked ones, and the target's own with the trigger in them.

    Args:
        victim: what they are for.
        folder: its checkpoint.
        data: the data sets.
        insertion: how test texts are triggered.
        n_clean: the first so many, or all.
        n_triggered: the first so many of each of the others.
    """
    record, published = attack_record(folder), REWRITTEN_SETS.get((victim.dataset, victim.attack))
    target = int(record["target_label"])
    clean = read_examples(split_file(data / victim.dataset, "test"))[:n_clean]
    if insertion == USUAL_INSERTION:
        triggered = read_triggered(published.file(data, "test") if published else folder / "triggered.tsv.gz")
    else:
        attack = replay_attack(record, insertion=insertion)
        triggered = attack.trigger(clean, rng=np.random.default_rng(victim.seed))
    own = own_texts(record, clean, target, insertion=insertion, max_length=None, limit=n_triggered, seed=victim.seed)
    return VictimTexts(clean, attackable(triggered, target)[:n_triggered], own)
