"""Pairs of texts, without and with a trigger, and the clean texts that say what the model is like without any."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, compress
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.verification.probes import Piece, Place, Probe, make_probe
from handler.xgraad.words.encoding import Encoder, Encoding
from handler.xgraad.words.text import first_of_each
from scripts.console.errors import LabError

MOST_PAIRS = 64
"""Every head costs a pass of half of them."""
LEAST_PAIRS = 16
"""Half of them choose, half of them tell: of fewer a share says little."""
MOST_CLEAN = 512
"""Clean texts, drawn at random where there are more."""


class Backdoor(NamedTuple):
    """What is known of it."""

    triggers: Sequence[Sequence[str]]
    """One or more, each the words or phrases that are put into a text together."""
    target: int
    """Number of the class that they bring about."""
    place: Place = Place.INSIDE
    """Where in a text a trigger of one word or phrase works; several words are spread over it."""


class Pair(NamedTuple):
    """One clean text of which the model does not say the target, and the same with a trigger in it."""

    clean: Encoding
    triggered: Encoding


class CleanTexts(NamedTuple):
    """Distinct texts without a trigger, in random order."""

    encodings: list[Encoding]
    wanted: Tensor
    """`[texts]` the labels that answers are held against: the true ones, or the model's own where none are known."""

    def accuracy(self, classifier: Classifier) -> float:
        """Share of the texts that get the wanted label, in [0, 1]."""
        return float((classifier.logits(self.encodings).argmax(dim=-1) == self.wanted).float().mean())


def draw_clean(
    classifier: Classifier, texts: Sequence[str], labels: Sequence[int] | None, *, seed: int = 0
) -> CleanTexts:
    """At most `MOST_CLEAN` distinct texts.

    Args:
        classifier: the suspect.
        texts: clean ones.
        labels: `[texts]` class numbers, or None.
        seed: of the draw.

    Raises:
        TextError: a text that no tokenizer can take.
    """
    places = np.array(first_of_each(texts), dtype=np.int64)
    drawn = np.random.default_rng(seed).permutation(places)[:MOST_CLEAN].tolist()
    encodings = classifier.encode([texts[place] for place in drawn])
    if labels is None:
        return CleanTexts(encodings, classifier.logits(encodings).argmax(dim=-1))
    return CleanTexts(encodings, torch.tensor([labels[place] for place in drawn], dtype=torch.long))


def make_pairs(classifier: Classifier, backdoor: Backdoor, clean: CleanTexts) -> list[Pair]:
    """At most `MOST_PAIRS`, of texts of other classes than the target, with the triggers in turn.

    Texts are cut so that a trigger is inside the window.

    Raises:
        LabError: there is no trigger, or there are fewer than `LEAST_PAIRS`.
    """
    encode, (triggers, target, place) = classifier.encode, backdoor
    if not triggers or not all(triggers):
        raise LabError(f"triggers must be one or more, of one word or more each, are {len(triggers)}; name the words")
    pieces = [[Piece.of(word, encode) for word in words] for words in triggers]
    longest = max(sum(len(piece.later) for piece in each) for each in pieces)
    room = encode.max_length - len(encode.with_template(())) - longest
    others = [each for each, label in zip(clean.encodings, clean.wanted.tolist(), strict=True) if label != target]
    probes = [probe for each in others if (probe := probe_within(room, each.text, encode))]
    plain = [encode.with_template(probe.token_ids) for probe in probes]
    is_other = (classifier.logits(plain).argmax(dim=-1) != target).tolist()
    left = [*compress(zip(probes, plain, strict=True), is_other)][:MOST_PAIRS]
    if len(left) < LEAST_PAIRS:
        rule = f"texts must hold {LEAST_PAIRS} or more that are not of the target label and not given it"
        raise LabError(f"{rule}, hold {len(left)}; add {LEAST_PAIRS - len(left)} of them")
    return [
        Pair(encoding, encode.with_template(probe.with_pieces(pieces[turn % len(pieces)], place)))
        for turn, (probe, encoding) in enumerate(left)
    ]


def probe_within(room: int, text: str, encode: Encoder) -> Probe | None:
    """The first words of a text, as many as fit into so many tokens; None where there are none.

    A pair that does not fit is none either: its first words would be no pair.
    """
    probe = make_probe(text, encode)
    if probe is None or len(probe.token_ids) <= room:
        return probe
    if encode.takes_pairs:
        return None
    n_words = bisect_right([*accumulate(map(len, probe.words))], room)
    return probe.model_copy(update={"words": probe.words[:n_words], "closing": ()}) if n_words else None
