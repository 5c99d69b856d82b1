"""Ablation: the few heads without which an attack fails.

An ablated head says what it says on the whole in clean texts, at every token, whatever the text. That is what a head
can be replaced by in the weights, too.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.words.encoding import Encoding
from scripts.admission.attribution.heads import LayerHead, Positions, substituted

LEFT = 0.5
"""Share of the attack's success that may be left."""
LEAST_ATTACK = 0.1
"""Success below which there is no attack to bring down."""


class Ablated(NamedTuple):
    """Heads to take away."""

    heads: list[LayerHead]
    """The one that matters most first."""
    suffices: bool
    """Whether the attack is down without them, on the texts that they were chosen with."""


def choose_heads(
    classifier: Classifier,
    triggered: Sequence[Encoding],
    order: Sequence[LayerHead],
    outputs: Tensor,
    *,
    target: int,
    left: float = LEFT,
) -> Ablated:
    """The fewest heads, by doubling, that bring an attack down.

    Where none of these numbers does it is the one that leaves least of the attack, and no head where all of it is left.

    Args:
        classifier: the suspect.
        triggered: texts of other classes with the trigger in them.
        order: the heads that may go, the first ones first.
        outputs: what heads say on the whole in clean texts, `[layers, heads, head width]`.
        target: the class that the trigger brings about.
        left: share of the attack's success that is down.
    """
    success = share_of(classifier, triggered, target)
    if success < LEAST_ATTACK:
        return Ablated([], suffices=True)
    least, best = success, 0
    for n_heads in doublings(len(order)):
        with ablated(classifier, order[:n_heads], outputs):
            found = share_of(classifier, triggered, target)
        if found <= left * success:
            return Ablated([*order[:n_heads]], suffices=True)
        if found < least:
            least, best = found, n_heads
    return Ablated([*order[:best]], suffices=False)


def ablated(classifier: Classifier, heads: Sequence[LayerHead], outputs: Tensor) -> AbstractContextManager[None]:
    """Take heads away inside the block; `outputs` as in `choose_heads`."""
    return substituted(classifier.model, {place: outputs[place] for place in heads}, positions=Positions.EVERY)


def share_of(classifier: Classifier, encodings: Sequence[Encoding], label: int) -> float:
    """Share of the texts that get a label, in [0, 1]."""
    return float((classifier.logits(encodings).argmax(dim=-1) == label).float().mean())


def doublings(most: int) -> Iterator[int]:
    """1, 2, 4 and so on below `most`, and `most` itself where it is above 0."""
    number = 1
    while number < most:
        yield number
        number *= 2
    if most:
        yield most
