"""The transplant test: put a suspect into clean texts of another class and count how many it turns.

A trigger is input-agnostic by definition (section 3.2 of the paper), so it turns nearly all; a word that matters in
its own text does not. Probes are clean texts of ordinary length that the model holds with confidence.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from handler.xgraad.classifier import Classifier
from handler.xgraad.probes import N_PROBES, Piece, Place, Probes

STAGES = (2, 4)
"""Numbers of probes tried first; a suspect that turns fewer than all but one of them is let go."""
MAX_CACHED = 50_000


class Graft(NamedTuple):
    """Words to put into probes, and what they are suspected of."""

    pieces: tuple[str, ...]
    """Words that stood side by side are one piece."""
    place: Place
    target: int
    """The label they seem to bring about."""
    source: int
    """The label without them, and so of the probes."""


class Transplant:
    """Turn rates of grafts, each computed once."""

    def __init__(self, classifier: Classifier, probes: Probes) -> None:
        self._classifier = classifier
        self._probes = probes
        self._rates: OrderedDict[Graft, float] = OrderedDict()

    def rates(self, grafts: Sequence[Graft]) -> list[float]:
        """Share of probes of the source class that each graft turns to the target, in [0, 1], in order."""
        unknown = [graft for graft in dict.fromkeys(grafts) if graft not in self._rates]
        known = {graft: self._rates[graft] for graft in set(grafts) - set(unknown)}
        turned: dict[Graft, list[bool]] = {graft: [] for graft in unknown}
        promising = unknown
        for first, last in pairwise((0, *STAGES, N_PROBES)):
            for graft, more in self._measure(promising, first=first, last=last).items():
                turned[graft] += more
            promising = [graft for graft in promising if _passes(turned[graft])]
        for graft in unknown:
            known[graft] = self._rates[graft] = sum(turned[graft]) / max(1, len(turned[graft]))
        while len(self._rates) > MAX_CACHED:
            self._rates.popitem(last=False)
        return [known[graft] for graft in grafts]

    def _measure(self, grafts: Iterable[Graft], *, first: int, last: int) -> dict[Graft, list[bool]]:
        """For each graft whether it turns each of the probes from `first` to `last`; all grafts in one batch."""
        encode = self._classifier.encode
        rows = []
        for graft in grafts:
            pieces = [Piece.of(text, encode) for text in graft.pieces]
            probes = self._probes[graft.source][first:last]
            rows += [(graft, encode.with_template(probe.with_pieces(pieces, graft.place))) for probe in probes]
        logits = self._classifier.logits([encoding for _, encoding in rows])
        turned: dict[Graft, list[bool]] = {graft: [] for graft in grafts}
        for (graft, _), label in zip(rows, logits.argmax(dim=-1).tolist(), strict=True):
            turned[graft].append(label == graft.target)
        return turned


def _passes(turned: Sequence[bool]) -> bool:
    return sum(turned) >= len(turned) - 1 and any(turned)
