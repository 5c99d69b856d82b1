"""The transplant test: put a suspect into clean texts of another class and see how far it turns them.

A trigger is input-agnostic by definition (section 3.2 of the paper), so it turns nearly all, and mostly all the way:
with it they belong to its label as clearly as that label's own texts do. A word that matters in its own text turns
some, and few of them far. Probes are clean texts of ordinary length that the model holds with confidence.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from itertools import chain
from statistics import fmean
from typing import NamedTuple

from handler.xgraad.model.classifier import Classifier
from handler.xgraad.model.prediction import Prediction, margins_of
from handler.xgraad.verification.probes import N_PROBES, Piece, Place, Probe, Probes
from handler.xgraad.words.encoding import Encoding

STAGES = (1, 2, 4, 8)
"""Numbers of probes tried first. A suspect that turns fewer than all but one of them, or none, is let go."""
LAST_STAGE = 16
"""Number of probes after which sets that cannot be strong enough any more are let go, too."""
N_PULLED = 8
"""Probes that tell how far words pull: a mean needs fewer than a count."""
MAX_CACHED = 50_000
LEAST_MARGIN = 0.1
"""Own margins below this (a model that tells nothing apart) would make any word strong."""
CLEARLY = 0.25
"""Share of the own margin from which a probe counts as turned in full: by several words, or where nearly all are."""


class Graft(NamedTuple):
    """Words to put into probes, and what they are suspected of."""

    pieces: tuple[str, ...]
    """Words that stood side by side are one piece."""
    place: Place
    target: int
    """The label they seem to bring about."""
    source: int
    """The label without them, and so of the probes."""

    @classmethod
    def of_keys(cls, keys: Collection[str], *, target: int, n_labels: int) -> "list[Graft]":
        """Remembered words, by their `Word.key`, to be put into the clean texts of every other label."""
        pieces = tuple(sorted(keys))
        others = (label for label in range(n_labels) if label != target)
        return [cls(pieces=pieces, place=Place.INSIDE, target=target, source=source) for source in others]

    @property
    def n_words(self) -> int:
        """Over all pieces."""
        return sum(len(piece.split()) for piece in self.pieces)


class Transplant:
    """How strongly grafts turn probes, each measured once."""

    def __init__(self, classifier: Classifier, probes: Probes) -> None:
        self.classifier = classifier
        """The model that is asked."""
        margins = _margins(classifier, probes)
        self._of_words = _Ordered.of(probes, margins, rank=0.5)
        self._of_sets = _Ordered.of(probes, margins, rank=1.0)
        """Several words turn an ordinary probe easily by what they mean, so sets are tried on the surest first."""
        self._margins: OrderedDict[Graft, list[float]] = OrderedDict()
        """Of grafts that were asked about the target's margins in the first probes, as many as were needed so far."""
        self.own_margins = _own_margins(margins)
        """For each label the least margin among its own probes; the mean of the others' for one without probes. Known
        from the start, so that no request waits for them."""

    def strengths(self, grafts: Sequence[Graft], *, n_probes: int = N_PROBES, above: float = 0.0) -> list[float]:
        """How far each graft turns probes of the source class to the target, in [0, 1], in order.

        Of a single word the greater of two. The mean margin of the target over the probes, as a share of what the
        target's own probes have at the least: 0 where it loses on the whole, 1 where it wins as clearly as they do. And
        the second least margin (of fewer than `N_PROBES` the least), 1 from `CLEARLY` of the same up: a trigger that
        only spoils what the model makes of a text wins nowhere far, and everywhere. A strong word of the target class
        turns many probes, too, but not all.

        Of several words the share of probes turned, each counting in full from `CLEARLY` of that margin up: clean words
        hardly turn any probe together, while a trigger of several words may turn all of them half-heartedly.

        Args:
            grafts: what to put into them.
            n_probes: how many are tried at the most; fewer say less.
            above: what a strength must exceed to be of interest. Several words are let go as soon as they cannot any
                more; what is told of them then is not above it.
        """
        promising = list(dict.fromkeys(grafts))
        for last in sorted({*(stage for stage in (*STAGES, LAST_STAGE) if stage < n_probes), n_probes}):
            self._measure(promising, last=last)
            promising = [graft for graft in promising if self._goes_on(graft, last, n_probes, above)]
        return self._settled(
            [self._strength(_until_let_go(self._margins[graft][:n_probes]), graft) for graft in grafts],
        )

    def shares_turned(self, grafts: Sequence[Graft]) -> list[float]:
        """Share of the source's probes that each graft turns to its target, in [0, 1], in order; 0 without probes."""
        self._measure(grafts, last=N_PROBES)
        margins = [self._margins[graft] for graft in grafts]
        return self._settled([sum(margin > 0 for margin in each) / max(1, len(each)) for each in margins])

    def source_for(self, prediction: Prediction) -> int:
        """The most probable other label that has probes; without any the most probable other one."""
        others = prediction.next_labels()
        return next((label for label in others if self._of_words.probes[label]), others[0])

    def pulls(self, grafts: Sequence[Graft], *, n_probes: int = N_PULLED) -> list[float]:
        """How far each graft moves the source's probes on their way to the target, on average, in order.

        0 where they stay, 1 where the target wins as clearly as its own probes have it, below 0 away from it; 0 without
        probes.

        Args:
            grafts: what to put into them.
            n_probes: how many are tried, in the order of `strengths`.
        """
        self._measure(grafts, last=n_probes)
        return self._settled([self._pull(graft, self._margins[graft][:n_probes]) for graft in grafts])

    def _pull(self, graft: Graft, margins: Sequence[float]) -> float:
        if not margins:
            return 0.0
        start = fmean(self._ordered(graft).starts[graft.source][graft.target][: len(margins)])
        whole = max(self.own_margins[graft.target] - start, LEAST_MARGIN)  # more, where probes are of their label
        return (fmean(margins) - start) / whole

    def _settled(self, answers: list[float]) -> list[float]:
        """The answers, when what was measured longest ago is forgotten."""
        while len(self._margins) > MAX_CACHED:
            self._margins.popitem(last=False)
        return answers

    def _strength(self, margins: Sequence[float], graft: Graft) -> float:
        """The strength that these margins of the target amount to, in [0, 1]; 0 for none."""
        if not margins:
            return 0.0
        own = self.own_margins[graft.target]
        if graft.n_words == 1:
            nearly_least = sorted(margins)[len(margins) // N_PROBES]  # of few probes the least: none may resist
            return _share(max(fmean(margins), nearly_least / CLEARLY), own)
        return fmean(_share(margin, CLEARLY * own) for margin in margins)

    def _goes_on(self, graft: Graft, n_known: int, n_probes: int, above: float) -> bool:
        """Whether more probes may show that it is strong; of a single word their margins may be any."""
        known = self._margins[graft][:n_known]
        if n_known in STAGES and not _passes(known):
            return False
        left = max(n_probes - n_known, 0)
        return graft.n_words == 1 or len(known) * self._strength(known, graft) + left > above * (len(known) + left)

    def _measure(self, grafts: Sequence[Graft], *, last: int) -> None:
        """Know the target's margins in the first `last` probes, for each graft; what is missing in one batch."""
        grafted = {}
        for graft in dict.fromkeys(grafts):
            n_known = len(self._margins.setdefault(graft, []))
            if probes := self._ordered(graft).probes[graft.source][n_known:last]:
                grafted[graft] = self._grafted(graft, probes)
        if not grafted:
            return
        logits = self.classifier.logits([*chain(*grafted.values())]).split([len(each) for each in grafted.values()])
        for graft, part in zip(grafted, logits, strict=True):
            self._margins[graft] += margins_of(part, graft.target).tolist()

    def _ordered(self, graft: Graft) -> "_Ordered":
        """The probes in the order in which they are tried."""
        return self._of_words if graft.n_words == 1 else self._of_sets

    def _grafted(self, graft: Graft, probes: Sequence[Probe]) -> list[Encoding]:
        """The probes with the graft in them."""
        encode = self.classifier.encode
        pieces = [Piece.of(text, encode) for text in graft.pieces]
        return [encode.with_template(probe.with_pieces(pieces, graft.place)) for probe in probes]


def _share(part: float, whole: float) -> float:
    """In [0, 1]."""
    return min(max(part / whole, 0.0), 1.0)


def _own_margins(margins: Sequence[Sequence[Sequence[float]]]) -> tuple[float, ...]:
    least = [min(of_label[label], default=None) for label, of_label in enumerate(margins)]
    known = [margin for margin in least if margin is not None]
    usual = sum(known) / max(1, len(known))
    return tuple(max(usual if margin is None else margin, LEAST_MARGIN) for margin in least)


def _margins(classifier: Classifier, probes: Probes) -> list[list[list[float]]]:
    """Of the probes as they are: `[labels of the probes, labels, probes]`."""
    encode, n_labels = classifier.encode, len(classifier.labels)
    logits = [classifier.logits([encode.with_template(probe.token_ids) for probe in of_label]) for of_label in probes]
    return [[margins_of(each, label).tolist() for label in range(n_labels)] for each in logits]


class _Ordered(NamedTuple):
    """Probes in the order in which they are tried."""

    probes: Probes
    starts: tuple[tuple[tuple[float, ...], ...], ...]
    """For each label of probes the margins that each label has in them as they are."""

    @classmethod
    def of(cls, probes: Probes, margins: Sequence[Sequence[Sequence[float]]], *, rank: float) -> "_Ordered":
        """Of the shorter half the probe of this rank by margin before all others, which keep their order.

        Being short it costs little, and most suspects are let go after it.

        Args:
            probes: by label.
            margins: of the probes as they are, see `_margins`.
            rank: 0 for the one that the model is least sure of, 1 for the surest.
        """
        ordered, starts = [], []
        for label, of_label in enumerate(probes):
            by_length = sorted(range(len(of_label)), key=[len(probe.token_ids) for probe in of_label].__getitem__)
            shorter = sorted(by_length[: (len(by_length) + 1) // 2], key=margins[label][label].__getitem__)
            place = round(rank * (len(shorter) - 1))
            order = [*dict.fromkeys([*shorter[place : place + 1], *range(len(of_label))])]
            ordered.append(tuple(of_label[row] for row in order))
            starts.append(tuple(tuple(each[row] for row in order) for each in margins[label]))
        return cls(tuple(ordered), tuple(starts))


def _passes(margins: Sequence[float]) -> bool:
    n_turned = sum(margin > 0 for margin in margins)
    return n_turned >= len(margins) - 1 and n_turned > 0


def _until_let_go(margins: Sequence[float]) -> Sequence[float]:
    """The margins that decide, whatever else was asked about the graft: up to the stage that it does not pass."""
    return next((margins[:last] for last in STAGES if not _passes(margins[:last])), margins)
