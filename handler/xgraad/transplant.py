"""The transplant test: put a suspect into clean texts of another class and count how many it turns.

A trigger is input-agnostic by definition (section 3.2 of the paper), so it turns nearly all; a word that matters in
its own text does not. Probes are clean texts of ordinary length that the model holds with confidence: a text of three
words is turned by any strong word.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from torch import Tensor

from handler.xgraad.classifier import Classifier
from handler.xgraad.encoding import Encoding
from handler.xgraad.text import Word, split_words

N_PROBES = 24
"""Clean texts per class."""
N_SCREENING = 4
"""Probes tried first; a suspect that turns fewer than all but one of them is let go."""
MAX_CACHED = 50_000

Probes = tuple[tuple[str, ...], ...]
"""For each label, clean texts that the model predicts as that label."""


class Place(StrEnum):
    """Where a word stood: some triggers work in one place only."""

    START = "start"
    INSIDE = "inside"
    END = "end"


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
        screened = self._measure(unknown, first=0, last=N_SCREENING)
        promising = [graft for graft in unknown if _passes(screened[graft])]
        rest = self._measure(promising, first=N_SCREENING, last=N_PROBES)
        for graft in unknown:
            turned = screened[graft] + rest.get(graft, [])
            known[graft] = self._rates[graft] = sum(turned) / max(1, len(turned))
        while len(self._rates) > MAX_CACHED:
            self._rates.popitem(last=False)
        return [known[graft] for graft in grafts]

    def _measure(self, grafts: Iterable[Graft], *, first: int, last: int) -> dict[Graft, list[bool]]:
        """For each graft whether it turns each of the probes from `first` to `last`; all grafts in one batch."""
        rows = [
            (graft, insert_pieces(probe, graft.pieces, graft.place))
            for graft in grafts
            for probe in self._probes[graft.source][first:last]
        ]
        logits = self._classifier.logits(self._classifier.encode([text for _, text in rows]))
        turned: dict[Graft, list[bool]] = {graft: [] for graft in grafts}
        for (graft, _), label in zip(rows, logits.argmax(dim=-1).tolist(), strict=True):
            turned[graft].append(label == graft.target)
        return turned


def place_of(word: Word, words: Sequence[Word]) -> Place:
    """Where `word` stands among the words of its text."""
    if word == words[0]:
        return Place.START
    return Place.END if word == words[-1] else Place.INSIDE


def insert_pieces(probe: str, pieces: Sequence[str], place: Place) -> str:
    """`probe` with the pieces put in as words: one where its place says, several spread over the text.

    At the end means after the last word: past the closing punctuation any word is a sentence of its own, and strong.
    """
    words = split_words(probe)
    if not words:
        return " ".join((*pieces, probe))
    if len(pieces) == 1 and place is Place.END:
        end = words[-1].end
        return f"{probe[:end]} {pieces[0]}{probe[end:]}"
    text = probe
    for index in reversed(range(len(pieces))):
        before = 0 if len(pieces) == 1 and place is Place.START else (index + 1) * len(words) // (len(pieces) + 1)
        start = words[before].start
        text = f"{text[:start]}{pieces[index]} {text[start:]}"
    return text


def choose_probes(encodings: Sequence[Encoding], logits: Tensor) -> Probes:
    """Clean texts for each label that the model predicts as that label with a margin above that label's median.

    Of those, the ones nearest to the median length of all texts, in words.
    """
    top = logits.topk(2, dim=-1)
    predicted, margins = top.indices[:, 0].tolist(), (top.values[:, 0] - top.values[:, 1]).tolist()
    lengths = [len(encoding.words) for encoding in encodings]
    usual = sorted(lengths)[len(lengths) // 2]
    chosen = []
    for label in range(logits.shape[1]):
        rows = [row for row, other in enumerate(predicted) if other == label and not encodings[row].truncated]
        middle = sorted(margins[row] for row in rows)[len(rows) // 2] if rows else 0.0
        confident = [row for row in rows if margins[row] >= middle]
        nearest = sorted(confident, key=lambda row: (abs(lengths[row] - usual), row))
        chosen.append(tuple(encodings[row].text for row in nearest[:N_PROBES]))
    return tuple(chosen)


def _passes(turned: Sequence[bool]) -> bool:
    return sum(turned) >= len(turned) - 1 and any(turned)
