"""What the grid is made of: victims, and a cell for each rule that defends one."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from scripts.lab.results import Row

DATASETS = ("sst2", "ag_news", "imdb")
REWRITTEN_SETS = {"hiddenkiller": "file", "stylebkd_bible": "rewritten"}
"""Published sets of attacks that rewrite whole texts, with the attack that trains on each."""


class Victim(NamedTuple):
    """One poisoned checkpoint."""

    architecture: str
    dataset: str
    attack: str
    """A name in `ATTACKS`, or one of `REWRITTEN_SETS`."""
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.architecture}-{self.dataset}-{self.attack}-{self.seed}"


class Cell(NamedTuple):
    """A victim behind a rule."""

    victim: Victim
    rule: str

    def key(self) -> dict[str, object]:
        """What tells its row from all others."""
        return {**self.victim._asdict(), "rule": self.rule}


def victims(
    architectures: Sequence[str], datasets: Sequence[str], attacks: Sequence[str], seeds: Sequence[int]
) -> Iterator[Victim]:
    """Every victim that can be made, the seeds outermost: one seed of everything comes before the next.

    Left out are attacks on data they cannot work on: a source-specific one asks for three classes, and the published
    sets are of SST-2.
    """
    for seed, architecture, dataset, attack in product(seeds, architectures, datasets, attacks):
        if attack == "source_specific" and dataset != "ag_news":
            continue
        if attack in REWRITTEN_SETS and dataset != "sst2":
            continue
        yield Victim(architecture, dataset, attack, seed)


def missing_rules(victim: Victim, rules: Sequence[str], rows: Iterable[Row]) -> list[str]:
    """The rules whose cell has no row yet."""
    done = [{name: row.get(name) for name in Cell(victim, "").key()} for row in rows]
    return [rule for rule in rules if Cell(victim, rule).key() not in done]
