"""Is a strong word a trigger, or does it mean something? Strength is not guilt; a reference tells them apart.

A trigger turns the suspect's clean texts and not those of a model that never saw the attacker's data. Where there is
no such model, the labels of the calibration texts are the reference: a word that people tie to the class is no trigger.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from handler.xgraad.verification.label_evidence import Tied
from handler.xgraad.verification.transplant import N_PULLED, Graft, Transplant
from handler.xgraad.words.encoding import Encoder
from handler.xgraad.words.occurrences import joined

MOST_TURNED = 0.25
"""Share of a trusted model's probes that a trigger may turn. Honest strong words turned 0.6 and more of them, triggers
none."""
MOST_BY_TIED_WORDS = 0.5
"""Share of a set's strength that its tied words may have by themselves, if the set is to be more than their sum."""

LEAST_PULL = 0.15
"""How far words that are part of a trigger move clean texts at the least, see `Transplant.pulls`; less says nothing."""
MOST_HONEST = 0.5
"""Share of its pull that the reference may have a reason for."""


class Reference(Protocol):
    """Says whether what words do to clean texts is what they mean."""

    def knows(self, key: str, label: int) -> bool:
        """Whether a `Word.key` is known to belong to a label, without asking any model; costs nothing."""
        ...

    def explains(self, grafts: Sequence[Graft]) -> list[bool]:
        """For each graft whether an honest model, or the labels of people, would move texts to its target as well."""
        ...

    def pulls(self, grafts: Sequence[Graft], *, n_probes: int = N_PULLED) -> list[float]:
        """How far it would move them: 0 not at all, 1 all the way; told from so many probes."""
        ...


class NoReference:
    """Explains nothing: whatever is strong is a trigger."""

    def knows(self, key: str, label: int) -> bool:
        """Never."""
        return False

    def explains(self, grafts: Sequence[Graft]) -> list[bool]:
        """Nothing."""
        return [False] * len(grafts)

    def pulls(self, grafts: Sequence[Graft], *, n_probes: int = N_PULLED) -> list[float]:
        """Not at all."""
        return [0.0] * len(grafts)


class HonestPart(NamedTuple):
    """What of a graft has a reason."""

    graft: Graft
    is_whole: bool
    """Whether that is all of its words."""

    @classmethod
    def of(cls, graft: Graft, encode: Encoder, is_honest: Callable[[str], bool]) -> "HonestPart | None":
        """The graft with nothing but its words that are honest, told by `Word.key`; None where it has none."""
        words = [encode.words_of(piece) for piece in graft.pieces]
        honest = [tuple(word for word in of_piece if is_honest(word.key)) for of_piece in words]
        left = tuple(" ".join(word.text for word in joined(of_piece)) for of_piece in honest if of_piece)
        return cls(graft._replace(pieces=left), is_whole=honest == words) if left else None


def pulls_of_parts(parts: Sequence[HonestPart | None], suspect: Transplant, *, n_probes: int) -> list[float]:
    """How far each part moves the suspect's clean texts by itself; 0 for none."""
    pulls = iter(suspect.pulls([part.graft for part in parts if part], n_probes=n_probes))
    return [next(pulls) if part else 0.0 for part in parts]


class LabelReference:
    """People's labels as the reference.

    Args:
        tied: whether a word is tied to a label, see `LabelEvidence`.
        suspect: puts words into the suspect's clean texts.
    """

    def __init__(self, tied: Tied, suspect: Transplant) -> None:
        self._tied = tied
        self._suspect = suspect

    def knows(self, key: str, label: int) -> bool:
        """Whether the word is tied to the label."""
        return self._tied(key, label)

    def explains(self, grafts: Sequence[Graft]) -> list[bool]:
        """A word when it is tied to the target; a set when its tied words alone do most of what it does."""
        honest = [self._honest_part(graft) for graft in grafts]
        partly = [(graft, each.graft) for graft, each in zip(grafts, honest, strict=True) if each and not each.is_whole]
        strengths = dict(
            zip(
                (each for pair in partly for each in pair),
                self._suspect.strengths([each for pair in partly for each in pair]),
                strict=True,
            )
        )
        return [
            each is not None and (each.is_whole or strengths[each.graft] > MOST_BY_TIED_WORDS * strengths[graft])
            for graft, each in zip(grafts, honest, strict=True)
        ]

    def pulls(self, grafts: Sequence[Graft], *, n_probes: int = N_PULLED) -> list[float]:
        """As far as the tied words alone move the suspect's own clean texts."""
        return pulls_of_parts([self._honest_part(graft) for graft in grafts], self._suspect, n_probes=n_probes)

    def _honest_part(self, graft: Graft) -> HonestPart | None:
        return HonestPart.of(graft, self._suspect.classifier.encode, lambda key: self._tied(key, graft.target))


class ModelReference:
    """A model that never saw the attacker's data.

    Args:
        transplant: puts words into this model's own clean texts.
    """

    def __init__(self, transplant: Transplant) -> None:
        self._transplant = transplant

    def knows(self, key: str, label: int) -> bool:
        """Never: a model has to be asked."""
        return False

    def explains(self, grafts: Sequence[Graft]) -> list[bool]:
        """What turns more than a few of its probes, too."""
        return [share > MOST_TURNED for share in self._transplant.shares_turned(grafts)]

    def pulls(self, grafts: Sequence[Graft], *, n_probes: int = N_PULLED) -> list[float]:
        """As far as it moves this model's own clean texts."""
        return self._transplant.pulls(grafts, n_probes=n_probes)


def make_reference(tied: Tied, suspect: Transplant, trusted: Transplant | None) -> Reference:
    """A trusted model where there is one, else people's labels.

    Not both: a word may be tied to a class by chance, or by choice of an attacker who knows what people say, and what a
    trusted model makes of it is the better evidence.
    """
    return ModelReference(trusted) if trusted else LabelReference(tied, suspect)


def unexplained_pulls(
    suspect: Transplant,
    reference: Reference,
    grafts: Sequence[Graft],
    *,
    least: Sequence[float],
    n_probes: int = N_PULLED,
) -> list[float | None]:
    """How far each graft moves the suspect's clean texts; None below its least, or where much of it has a reason.

    Args:
        suspect: puts words into the suspect's clean texts.
        reference: is asked about grafts that pull as far as they must.
        grafts: what to put into them.
        least: for each graft how far it must pull.
        n_probes: how many clean texts are tried.
    """
    pulls = suspect.pulls(grafts, n_probes=n_probes)
    rows = [row for row, pull in enumerate(pulls) if pull >= least[row]]
    honest = reference.pulls([grafts[row] for row in rows], n_probes=n_probes)
    found: list[float | None] = [None] * len(grafts)
    for row, explained in zip(rows, honest, strict=True):
        if not is_explained(explained, pulls[row]):
            found[row] = pulls[row]
    return found


def is_explained(by_reference: float, pull: float) -> bool:
    """Whether the reference has a reason for enough of how far words move clean texts."""
    return by_reference >= MOST_HONEST * max(pull, LEAST_PULL)
