"""The vocabulary sweep: the transplant test of every word a tokenizer knows, so of words that no text has shown yet.

Words go into the probes as token ids, after white space and in the middle. One probe screens all words for every label
but its own, four of every other class test what is left, all of them what is left then.

What it cannot see: triggers of several words or of several tokens, triggers that need one another, and those that work
at the start or the end of a text only or turn one class only. Whoever passes the sweep is not thereby clean.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor
from tqdm import tqdm

from handler.xgraad import Classifier
from handler.xgraad.model.prediction import margins_of
from handler.xgraad.verification.probes import N_PROBES, Piece, Place, Probe, Probes
from handler.xgraad.words.vocabulary import VocabularyWord

STAGES = (1, 4, N_PROBES)
"""Probes that a word is put into in each stage: one of one other class, then so many of every other class."""
CHUNK = 256
"""Words between two steps of the progress bar."""


@dataclass(frozen=True, kw_only=True)
class SweptWord:
    """A word that went through every stage, for one label."""

    word: str
    margins: tuple[float, ...]
    """The label's logit less the highest other one, in each probe of every other class with the word put in."""

    @property
    def rate(self) -> float:
        """Share of the probes that the word turns to the label, in [0, 1]."""
        return sum(margin > 0 for margin in self.margins) / len(self.margins)

    @property
    def margin(self) -> float:
        """Mean margin; above 0 the label wins."""
        return sum(self.margins) / len(self.margins)


@dataclass(frozen=True, kw_only=True)
class LabelSweep:
    """What was found for one label."""

    label_id: int
    n_passed: tuple[int, ...]
    """Words left after each of `STAGES`."""
    tested: tuple[SweptWord, ...]
    """Those that went through every stage, the most trigger-like first."""


def sweep(
    classifier: Classifier,
    probes: Probes,
    words: Sequence[VocabularyWord],
    *,
    screening: AbstractContextManager[object] | None = None,
) -> list[LabelSweep]:
    """Put every word into the probes of every class, and see which labels it brings about.

    Args:
        classifier: the suspect.
        probes: of its calibration.
        words: which to test.
        screening: entered for the first and longest stage, such as `torch.autocast`.

    Returns:
        One entry for each label that has probes in another class.
    """
    with screening or nullcontext():
        screened = _screen(classifier, probes, words)
    found = []
    for label in range(len(probes)):
        turned = [labels == label for source, labels in screened.items() if source != label]
        if turned:
            left = [word for word, is_left in zip(words, turned[0].tolist(), strict=True) if is_left]
            found.append(_confirm(classifier, probes, left, label))
    return found


def _screen(classifier: Classifier, probes: Probes, words: Sequence[VocabularyWord]) -> dict[int, Tensor]:
    """The labels that the words give one probe each of two classes: each label needs one of another class.

    The shortest probes, which cost least and are turned most easily.
    """
    shortest = {source: min(each, key=_length) for source, each in enumerate(probes) if each}
    sources = sorted(shortest, key=lambda source: _length(shortest[source]))[:2]
    return {
        source: _logits(classifier, words, [shortest[source]], f"screen label {source}")[:, 0].argmax(dim=-1)
        for source in sources
    }


def _confirm(classifier: Classifier, probes: Probes, words: Sequence[VocabularyWord], label: int) -> LabelSweep:
    """The later stages, for the words that turned to `label` what they were screened with."""
    n_passed = [len(words)]
    for n_probes in STAGES[1:]:
        sources = [each[:n_probes] for source, each in enumerate(probes) if source != label and each]
        logits = _logits(classifier, words, [*chain(*sources)], f"confirm label {label}")
        margins = margins_of(logits, label)
        turned = (margins > 0).sum(dim=-1)
        kept = (turned >= _needed(margins.shape[-1], allowed=len(sources))).tolist()
        n_passed.append(sum(kept))
        if n_probes != STAGES[-1]:
            words = [word for word, is_kept in zip(words, kept, strict=True) if is_kept]
    tested = [SweptWord(word=word.text, margins=tuple(row)) for word, row in zip(words, margins.tolist(), strict=True)]
    ranked = sorted(tested, key=lambda each: (-each.rate, -each.margin, each.word))
    return LabelSweep(label_id=label, n_passed=tuple(n_passed), tested=tuple(ranked))


def _needed(n_probes: int, *, allowed: int) -> int:
    """How many probes a word must turn when it may miss so many, but not all."""
    return max(1, n_probes - allowed)


def _length(probe: Probe) -> int:
    return len(probe.token_ids)


def _logits(
    classifier: Classifier, words: Sequence[VocabularyWord], probes: Sequence[Probe], description: str
) -> Tensor:
    """`[words, probes, labels]`, of each probe with each word in its middle."""
    encode, parts = classifier.encode, []
    for start in tqdm(range(0, len(words), CHUNK), unit_scale=CHUNK, unit="word", desc=description, disable=None):
        pieces = [Piece((word.token_id,), (word.token_id,)) for word in words[start : start + CHUNK]]
        rows = [encode.with_template(probe.with_pieces([piece], Place.INSIDE)) for piece in pieces for probe in probes]
        parts.append(classifier.logits(rows).view(len(pieces), len(probes), -1))
    return torch.cat(parts) if parts else torch.empty(0, len(probes), len(classifier.labels))
