"""The backdoor vector: what a trigger adds to the attention's output of one layer where the label is read.

That is at the first token, or where a classifier pools all tokens, on the mean over them.

Added to clean texts it should do what the trigger does, subtracted from triggered ones undo it. It is added where the
heads' outputs lie side by side, before their projection, which is linear: behind it that is the difference of the
attention's outputs.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.words.encoding import Encoding
from scripts.admission.attribution.ablation import share_of
from scripts.admission.attribution.heads import Positions, shifted


class Steered(NamedTuple):
    """Shares of texts that get the target under the intervention, in [0, 1]."""

    up: float
    """Of clean texts, with the vector added."""
    down: float
    """Of triggered texts, with the vector subtracted."""


def backdoor_vectors(clean: Tensor, triggered: Tensor) -> Tensor:
    """`[layers, width]`, the mean difference that the trigger makes, from what heads say where the label is read.

    Args:
        clean: `[texts, layers, heads, head width]`, and
        triggered: the same texts with the trigger.
    """
    return (triggered - clean).mean(dim=0).flatten(start_dim=1)


def steer(
    classifier: Classifier,
    clean: Sequence[Encoding],
    triggered: Sequence[Encoding],
    vectors: Tensor,
    *,
    layer: int,
    target: int,
) -> Steered:
    """What the vector of one layer does to texts of other classes than the target, without and with the trigger."""
    positions = Positions.read(classifier.model.config)
    with shifted(classifier.model, layer, vectors[layer], positions=positions):
        up = share_of(classifier, clean, target)
    with shifted(classifier.model, layer, -vectors[layer], positions=positions):
        down = share_of(classifier, triggered, target)
    return Steered(up, down)


def choose_layer(
    classifier: Classifier, clean: Sequence[Encoding], triggered: Sequence[Encoding], vectors: Tensor, *, target: int
) -> int:
    """The layer whose vector moves most texts, up and down together; of equals the lowest."""
    tried = [steer(classifier, clean, triggered, vectors, layer=layer, target=target) for layer in range(len(vectors))]
    return max(range(len(tried)), key=lambda layer: tried[layer].up - tried[layer].down)
