"""What the grid is made of: victims, and a cell for each defense of one from attacked texts of one kind."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from scripts.lab.attacks import ATTACKS
from scripts.lab.grid.grid_rows import NO_ATTACK
from scripts.lab.grid.one_rule import hangs_on_the_rule, is_of_today
from scripts.lab.grid.rewritten_sets import REWRITTEN_SETS
from scripts.lab.grid.variants import VARIANTS
from scripts.lab.training.triggers import USUAL_INSERTION
from scripts.results.rows import Row

N_CLASSES = {"sst2": 2, "ag_news": 4, "imdb": 2, "olid": 2}
DATASETS = tuple(N_CLASSES)
LAST = "last"
TARGETS = ("0", LAST)
"""How a target is asked for: as the first class or as the last, whatever number that has."""
UNTARGETED = (NO_ATTACK, "badpre")
"""Attacks that aim at no class; one victim is made, whatever targets are asked for."""
OTHER_INSERTIONS = {
    "badnets": ("three", "five", "repeated"),
    "phrase_james_bond": ("scattered",),
    "phrase_silver_quill": ("scattered",),
}
"""Other ways to trigger test texts, for the attacks that have them; every attack has the usual one."""


class Victim(NamedTuple):
    """One poisoned checkpoint."""

    architecture: str
    dataset: str
    attack: str
    """A name in `ATTACKS` or `VARIANTS`, or that of one of `REWRITTEN_SETS`."""
    seed: int
    target: int | None = 0
    """Class number that the attacker wants; None where the attack aims at none."""

    @property
    def name(self) -> str:
        """Of its folder."""
        aim = "" if self.target is None else f"-t{self.target}"
        return f"{self.architecture}-{self.dataset}-{self.attack}-{self.seed}{aim}"

    @property
    def method(self) -> str:
        """The name in `ATTACKS` of what trains it."""
        published = REWRITTEN_SETS.get((self.dataset, self.attack))
        if published:
            return published.method
        return VARIANTS[self.attack].method if self.attack in VARIANTS else self.attack


class Cell(NamedTuple):
    """A victim behind a defense, and how test texts are triggered."""

    victim: Victim
    defense: str
    """A name in `DEFENSES`."""
    insertion: str = USUAL_INSERTION

    def key(self) -> dict[str, object]:
        """What tells its row from all others."""
        return {**self.victim._asdict(), "defense": self.defense, "insertion": self.insertion}


def victims(
    architectures: Sequence[str],
    datasets: Sequence[str],
    attacks: Sequence[str],
    seeds: Sequence[int],
    targets: Sequence[str] = TARGETS[:1],
) -> Iterator[Victim]:
    """Every victim that can be made, the seeds outermost: one seed of everything comes before the next.

    Clean models come before others, because what they say to attacked texts is the floor of an attack. Left out are
    attacks on data they cannot work on: a source-specific one asks for three classes, and the published sets are of
    one data set each.
    """
    clean_first = sorted(attacks, key=lambda attack: attack != NO_ATTACK)
    elsewhere = {attack for _, attack in REWRITTEN_SETS}
    for seed, architecture, dataset, attack in product(seeds, architectures, datasets, clean_first):
        if attack == "source_specific" and N_CLASSES[dataset] < 3:
            continue
        if attack in elsewhere and (dataset, attack) not in REWRITTEN_SETS:
            continue
        for target in _targets(dataset, attack, targets):
            yield Victim(architecture, dataset, attack, seed, target)


def insertions_of(victim: Victim, wanted: Sequence[str]) -> list[str]:
    """Those of the insertions that its attack has."""
    return [name for name in wanted if name in (USUAL_INSERTION, *OTHER_INSERTIONS.get(victim.attack, ()))]


def missing_defenses(
    victim: Victim, defenses: Sequence[str], rows: Iterable[Row], insertion: str = USUAL_INSERTION
) -> list[str]:
    """The defenses whose cell has no row yet; a row that does not name all that tells cells apart counts for none.

    Nor does one of another version of the rule where the rule is measured: what stands beside it is to be of one run.
    """
    names = Cell(victim, "").key().keys()
    if any(map(hangs_on_the_rule, defenses)):
        rows = filter(is_of_today, rows)
    done = [{name: row[name] for name in names} for row in rows if names <= row.keys()]
    return [name for name in defenses if Cell(victim, name, insertion).key() not in done]


def _targets(dataset: str, attack: str, wanted: Sequence[str]) -> list[int | None]:
    """Class numbers, each once; published sets have one of their own."""
    if (dataset, attack) in REWRITTEN_SETS:
        return [REWRITTEN_SETS[dataset, attack].target]
    if attack in UNTARGETED:
        return [None]
    return [N_CLASSES[dataset] - 1 if target == LAST else int(target) for target in dict.fromkeys(wanted)]


def attack_names() -> list[str]:
    """Every attack the grid knows."""
    published = {attack for _, attack in REWRITTEN_SETS}
    return sorted({*ATTACKS, *VARIANTS, *published} - {each.method for each in REWRITTEN_SETS.values()})
