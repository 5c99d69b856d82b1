"""Defenses: one file each, one table of them all. What tables and commands call a rule is a name of this table."""

from collections.abc import Collection
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.lab.defenses.base import Repair, TextJudge

COLD, SWEPT = "asr_cold", "asr_swept"


@dataclass(frozen=True, kw_only=True)
class Combination:
    """What a defense is made of, each part a file here and the class in it: names alone need no torch."""

    repair: str | None = None
    """Makes another checkpoint; none for one that is left as it is."""
    judge: str | None = None
    """Judges texts; none where the repaired model's answers are taken as they are."""
    refers: bool = False
    """Whether its calibration has a reference that is made of a trusted base."""
    reads: bool = False
    """Whether it reads with a language model, one that may be named."""
    remembers: bool = False
    """Whether what one text shows helps with others, so that what is served is not what a first text meets."""
    headline: str = COLD
    """Which of its rows' shares of attacked texts tables show first."""

    def repair_class(self) -> "type[Repair] | None":
        """The class that repairs."""
        return _class_at(self.repair) if self.repair else None

    def judge_class(self) -> "type[TextJudge] | None":
        """The class that judges."""
        return _class_at(self.judge) if self.judge else None


def _class_at(place: str) -> Any:
    return resolve_name(f"{__name__}.{place}")


DEFENSES: dict[str, Combination] = {
    "paper": Combination(judge="rules.paper:Paper"),
    "conformal": Combination(judge="rules.conformal:Conformal"),
    "verified": Combination(judge="rules.verified:Verified", remembers=True),
    "referred": Combination(judge="rules.referred:Referred", refers=True, remembers=True),
    "swept": Combination(judge="rules.swept:Swept", remembers=True, headline=SWEPT),
    "second_opinion": Combination(judge="rules.second_opinion:Overruled", refers=True, remembers=True),
    "onion": Combination(judge="judges.onion:Onion", reads=True),
    "onion_published": Combination(judge="judges.onion_published:OnionPublished", reads=True),
    "rap": Combination(judge="judges.rap:Rap"),
    "strip": Combination(judge="judges.strip:Strip"),
    "imbert": Combination(judge="judges.imbert:Imbert"),
    "badacts": Combination(judge="judges.badacts:BadActs"),
    "dan": Combination(judge="judges.dan:Dan"),
    "fgws": Combination(judge="judges.fgws:Fgws"),
    "ft": Combination(repair="repairs.ft:FineTuning"),
    "meft": Combination(repair="repairs.meft:MaximumEntropy"),
    "pure": Combination(repair="repairs.pure:HeadPruning"),
    "pure_published": Combination(repair="repairs.pure:HeadPruningPublished"),
    "fine_mixing": Combination(repair="repairs.fine_mixing:FineMixing"),
    "ban": Combination(repair="repairs.ban:NeuronNoise"),
    "ban_published": Combination(repair="repairs.ban:NeuronNoisePublished"),
    "bkdattr": Combination(repair="repairs.bkdattr:HeadAblation"),
    "augmentation": Combination(repair="repairs.augmentation:Augmentation"),
    "unlearn": Combination(repair="repairs.unlearn:Unlearning"),
    "thorough": Combination(repair="repairs.thorough:Thorough"),
    "rebuild": Combination(repair="repairs.rebuild:Rebuild"),
    "agreement": Combination(repair="repairs.agreement:Agreement"),
}
"""By name, in the order of tables."""


def among(names: Collection[str], *, headline: str | None = None) -> list[str]:
    """Those of the table's names, in its order; with a headline only those that have it."""
    return [name for name, each in DEFENSES.items() if name in names and headline in (None, each.headline)]


def repair_names() -> list[str]:
    """Names of those that make another checkpoint and do nothing else."""
    return [name for name, each in DEFENSES.items() if each.repair and not each.judge]
