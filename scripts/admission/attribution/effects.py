"""The causal indirect effect of each head: what it does to a clean text to let that head alone speak as with a trigger.

The head's mean output over triggered texts is put into the clean run, and the target's probability rises by the part of
the backdoor that passes through this head. By default it is put in at the first token, of which the label is read:
whatever a trigger does has to arrive there, and there one mean suits all texts. At every position effects are seen,
too, that first pass through other tokens, but one mean stands for tokens of every kind.
"""

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor
from tqdm import tqdm

from handler.xgraad import Classifier
from handler.xgraad.words.encoding import Encoding
from scripts.admission.attribution.heads import LayerHead, Positions, substituted

MOST_ABLATED = 1 / 3
"""Of all heads: what needs more lives nowhere."""


def indirect_effects(
    classifier: Classifier,
    clean: Sequence[Encoding],
    outputs: Tensor,
    *,
    target: int,
    positions: Positions = Positions.FIRST,
) -> Tensor:
    """The mean increase of the target's probability by each head, one pass of the texts for each.

    Args:
        classifier: the suspect.
        clean: texts of other classes than the target.
        outputs: what the heads say on the whole with a trigger, `[layers, heads, head width]`.
        target: the class that the trigger brings about.
        positions: where this is put in.

    Returns:
        `[layers, heads]` in [-1, 1], higher = more of the backdoor passes through the head.
    """
    before = _probabilities(classifier, clean, target)
    n_layers, n_heads, _ = outputs.shape
    effects = torch.zeros(n_layers, n_heads, dtype=torch.float64)
    places = [LayerHead(*place) for place in product(range(n_layers), range(n_heads))]
    for place in tqdm(places, unit="head", desc="attribute", disable=None):
        with substituted(classifier.model, {place: outputs[place]}, positions=positions):
            effects[place] = (_probabilities(classifier, clean, target) - before).mean()
    return effects


def that_matter(effects: Tensor) -> list[LayerHead]:
    """Heads with an effect above 0, the highest first, at most `MOST_ABLATED` of all."""
    order = effects.flatten().argsort(descending=True, stable=True)[: int(MOST_ABLATED * effects.numel())].tolist()
    places = (LayerHead(*divmod(place, effects.shape[1])) for place in order)
    return [place for place in places if effects[place] > 0]


def _probabilities(classifier: Classifier, encodings: Sequence[Encoding], target: int) -> Tensor:
    """`[texts]` float64."""
    return torch.softmax(classifier.logits(encodings).double(), dim=-1)[:, target]
