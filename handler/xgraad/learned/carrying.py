"""Can clean texts carry the transplant test? Every label has probes enough, or somebody said by name that it has none.

A label with too few probes is no source of texts to put words into, and where no other label is one, nothing that the
model predicts can be shown to be brought about by a word: every trigger would pass, in silence.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from torch import Tensor

from handler.xgraad.errors import CalibrationError, TooFewTextsError, shown
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.text import first_of_each

LEAST_PROBES = 8
"""Of each label. From here on every stage of the transplant test, and the mean of its pulls, has all the probes that it
asks for; with fewer a word is let go, or blamed, for what it does to a handful of texts."""
MOST_REPEATED = 0.5
"""Share of the texts that may repeat another: what a few texts say over and over is no measure of clean ones."""
OPTION = "--allow-untested"


class Supply(NamedTuple):
    """What clean texts offer of one label."""

    label: str
    """Its name."""
    n_texts: int
    """Distinct ones that the model predicts as it."""
    n_truncated: int
    """Those among them that are longer than the window; the test takes whole texts only."""
    n_probes: int
    """Those that are whole, of the surer half, and can be cut at their words."""

    def lack(self) -> str:
        """What is there, and about how many texts would do: the surer half of them become probes."""
        found = f"{shown(self.label)} has {self.n_probes} from {self.n_texts} text(s) predicted as it"
        cut = f", {self.n_truncated} of them longer than the window" if self.n_truncated else ""
        cure = " or a larger --max-length" if self.n_truncated else ""
        return f"{found}{cut}: add about {2 * (LEAST_PROBES - self.n_probes)} others{cure}"


def supplies(
    encodings: Sequence[Encoding], logits: Tensor, rows: Sequence[Collection[int]], labels: Sequence[str]
) -> list[Supply]:
    """For each label what clean texts offer.

    Args:
        encodings: of the texts.
        logits: `[texts, labels]`.
        rows: for each label the texts that are its probes.
        labels: names by number.
    """
    predicted = logits.argmax(dim=-1).tolist()
    distinct = first_of_each([encoding.text for encoding in encodings])
    of_label = [[row for row in distinct if predicted[row] == label] for label in range(len(labels))]
    return [
        Supply(name, len(found), sum(encodings[row].truncated for row in found), len(chosen))
        for name, found, chosen in zip(labels, of_label, rows, strict=True)
    ]


def untestable(n_probes: Sequence[int]) -> tuple[int, ...]:
    """The labels that these numbers of probes cannot test: those with too few, and all where one at most has enough.

    Whether a word brings a label about is seen in the texts of another one, and how far in that label's own.
    """
    enough = [label for label, n in enumerate(n_probes) if n >= LEAST_PROBES]
    return tuple(label for label in range(len(n_probes)) if len(enough) < 2 or label not in enough)


def require_distinct(texts: Sequence[str], *, needed: int, why: str) -> None:
    """Refuse texts that are too few, or the same ones over and over. Needs no model.

    Args:
        texts: clean.
        needed: the least number of distinct ones.
        why: what needs so many.

    Raises:
        TooFewTextsError: says how many there are, and how many of them differ.
    """
    n_distinct = len(first_of_each(texts))
    n_repeated = len(texts) - n_distinct
    repeated = f", {n_repeated} of them repeats (case and white space aside)" if n_repeated else ""
    if n_distinct < needed:
        more = f"; add {needed - n_distinct} others" if n_repeated else ""
        raise TooFewTextsError(f"{why} needs at least {needed} clean texts, got {len(texts)}{repeated}{more}")
    if n_repeated > MOST_REPEATED * len(texts):
        raise TooFewTextsError(
            f"half of the clean texts may be repeats at most, got {len(texts)}{repeated}; remove the repeats, or add "
            f"{n_repeated - n_distinct} others"
        )


def require_whole(encodings: Sequence[Encoding], *, max_length: int) -> None:
    """Refuse texts of which none fits into the window.

    Raises:
        TooFewTextsError: names the window.
    """
    if encodings and all(encoding.truncated for encoding in encodings):
        raise TooFewTextsError(
            f"all {len(encodings)} clean texts are longer than the window of {max_length} tokens, and the transplant "
            f"test takes whole ones only; calibrate with a larger --max-length, or with shorter texts"
        )


def require_probes(supplied: Sequence[Supply], untested: Collection[int]) -> None:
    """Refuse texts that cannot carry the test for a label which is not in `untested`, and names there for nothing.

    Raises:
        TooFewTextsError: names every label that lacks probes, with what is there and what to add.
        CalibrationError: one of `untested` can be tested.
    """
    needed = untestable([each.n_probes for each in supplied])
    names = [shown(each.label) for each in supplied]
    unnamed = [label for label in needed if label not in untested]
    lacking = [supplied[label] for label in unnamed if supplied[label].n_probes < LEAST_PROBES]
    ways = " ".join(f"{OPTION} {names[label]}" for label in needed)
    if lacking:
        rule = f"the transplant test needs {LEAST_PROBES} probes of each label, whole texts that the model is sure of"
        lost = " (no label is left to test the others with)" if len(needed) > len(lacking) else ""
        raise TooFewTextsError(f"{rule}; {'; '.join(each.lack() for each in lacking)}; to do without: {ways}{lost}")
    if unnamed:
        lost = ", ".join(names[label] for label in unnamed)
        raise TooFewTextsError(
            f"words are tried on texts of another label than the predicted one, and none is left that has "
            f"{LEAST_PROBES} probes, so {lost} is not tested either; name it, too: {ways}"
        )
    for label in sorted(set(untested) - set(needed)):
        raise CalibrationError(
            f"{OPTION} {names[label]}: has {supplied[label].n_probes} probes, and {LEAST_PROBES} are enough; "
            "leave the option out"
        )
