"""PURE: heads that look at all tokens alike from [CLS] are taken away, the attention of the others is flattened.

After Zhao, Xu and Yuan, "Defense against Backdoor Attack on Pre-trained Language Models via Head Pruning and Attention
Normalization", ICML 2024. A copy of the suspect is fine-tuned; its heads go in the order of how unevenly [CLS] attends,
ten at a time, while texts held out from that training are still classified well enough; then the last ten come back one
by one until they are. The suspect itself is fine-tuned without these heads, under a penalty on uneven attention.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from scripts.lab.defenses.repairs.fine_tuned import FineTuned
from scripts.lab.defenses.repairs.heads import (
    Head,
    heads_of_layers,
    never_learned,
    rows_read,
    without_heads,
    zero_heads,
)
from scripts.lab.training.batches import TokenizedExamples
from scripts.lab.training.victim import Loss, clean_accuracy
from scripts.texts.corpora import Example

STEP = 10
"""Heads that are taken away between two looks at the accuracy."""
HELD_OUT = 0.2
"""Share of the clean texts that decide which heads go."""
BATCH_SIZE = 32


class HeadPruning(FineTuned):
    """Prunes heads, then fine-tunes under a penalty.

    Differs from the paper, which repairs an encoder for a task of one's own under a new head: the suspect's own
    classification head is kept. Differs from the public code in what depends on its settings there: the variance of an
    attention row is taken over its tokens without padding and multiplied with their number, so that long texts count
    as short ones do; the bar is relative to the accuracy before pruning; the penalty does not grow with the batch; and
    where no head can go, none does. Of layers that share their modules, as ALBERT's do, a head goes in all at once, by
    its mean over them.
    """

    LIMITS = "backdoors in the layers between attentions are out of its reach; accuracy may fall by its bar"
    MAY_LOSE: ClassVar[float] = 0.05
    """Accuracy on the held-out texts that pruning may cost."""
    PENALTY: ClassVar[float] = 0.15
    """Weight of the penalty on attention."""

    def train(self, model: Any, tokenizer: Any) -> None:
        """Search on a copy, then train the suspect without what was found."""
        heads, coefficients = self.search()
        model.to(self.material.device)
        model.set_attn_implementation("eager")
        zero_heads(model, heads)
        with never_learned(model, heads):
            self.fit(model, tokenizer, self.examples(), loss=self.flattening(model, heads, coefficients))

    def search(self) -> tuple[set[Head], Tensor]:
        """The heads to take away, and the weights `[layers]` of the penalty, from a copy that is fine-tuned."""
        model, tokenizer = self.suspect()
        tuned_on, held_out = self.split()
        self.fit(model, tokenizer, tuned_on)
        model.set_attn_implementation("eager")
        layers, variances = heads_of_layers(model), self.variances(model, tokenizer, held_out)

        def accuracy(pruned: Collection[Head] = ()) -> float:
            settings: Any = {"max_length": self.material.max_length, "device": self.material.device}
            with without_heads(model, pruned):
                return clean_accuracy(model, tokenizer, held_out, **settings)

        heads = prunable(of_heads(layers, variances), accuracy, bar=self.bar(accuracy()))
        with without_heads(model, heads):
            after = self.variances(model, tokenizer, held_out)
        return heads, layer_weights((after * is_kept(layers, heads)).sum(dim=1) / is_kept(layers, heads).sum(dim=1))

    def split(self) -> tuple[list[Example], list[Example]]:
        """The clean texts to tune the copy on, and those held out."""
        examples = self.examples()
        order = np.random.default_rng(self.material.seed).permutation(len(examples))
        n_held_out = max(1, round(HELD_OUT * len(order)))
        held_out, tuned_on = np.split(order, [n_held_out])
        return [examples[row] for row in tuned_on], [examples[row] for row in held_out]

    @torch.no_grad()
    def variances(self, model: Any, tokenizer: Any, examples: Sequence[Example]) -> Tensor:
        """`[layers, heads]`, the mean over the texts."""
        device = self.material.device
        texts = TokenizedExamples(tokenizer, examples, max_length=self.material.max_length, device=device)
        total: Any = 0
        for start in range(0, len(examples), BATCH_SIZE):
            batch = texts.batch(np.arange(start, min(start + BATCH_SIZE, len(examples))))
            _, rows = rows_read(model.eval(), batch)
            total = total + self.unevenness(rows, batch["attention_mask"]).sum(dim=1).cpu()
        variances: Tensor = total / len(examples)
        return variances

    def unevenness(self, rows: Tensor, mask: Tensor) -> Tensor:
        """`[..., batch, heads]`: n times the variance over n tokens, from attention `[..., batch, heads, keys]`.

        Of probabilities that is the sum of their squares less 1/n: 0 where all tokens get the same, at most 1.
        """
        return rows.square().sum(dim=-1) - 1 / mask.sum(dim=-1)[:, None]

    def bar(self, accuracy: float) -> float:
        """The lowest accuracy that pruning may leave of this one."""
        return accuracy - self.MAY_LOSE

    def flattening(self, model: Any, heads: Collection[Head], coefficients: Tensor) -> Loss:
        """Cross-entropy plus the penalty on the attention of the heads that are left."""
        weights = (coefficients[:, None] * is_kept(heads_of_layers(model), heads)).to(self.material.device)

        def loss(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
            output, rows = rows_read(model, batch)
            total: Tensor = output.loss + self.PENALTY * (weights * self.norms(rows)).sum()
            return total

        return loss

    def norms(self, rows: Tensor) -> Tensor:
        """`[layers, heads]`: root of the mean over the texts of the sum of squares, which is least for even rows."""
        return _root(rows.square().sum(dim=-1).mean(dim=1))


class HeadPruningPublished(HeadPruning):
    """As the public code has it.

    Variances count padding, so that they rank heads by the length of texts as much as by what heads look at; the bar is
    absolute, whatever the model reached before; the penalty grows with the root of the batch's size.
    """

    BAR: ClassVar[float] = 0.85
    """The lowest accuracy that pruning may leave."""

    def unevenness(self, rows: Tensor, mask: Tensor) -> Tensor:
        """The variance over all but the last place of the window, padding included."""
        window = self.material.max_length
        return pad(rows, (0, window - rows.shape[-1]))[..., : window - 1].var(dim=-1)

    def bar(self, accuracy: float) -> float:
        """The same for all."""
        return self.BAR

    def norms(self, rows: Tensor) -> Tensor:
        """The root of the sum over the texts."""
        return _root(rows.square().sum(dim=(1, -1)))


def prunable(
    variances: Mapping[Head, float], accuracy: Callable[[Collection[Head]], float], *, bar: float
) -> set[Head]:
    """The heads to take away: those of low variance, as many as leave an accuracy at the bar or above.

    Args:
        variances: of each head; the one with the highest of those that share an output always stays.
        accuracy: without these heads.
        bar: the least accuracy.
    """
    lowest_first = sorted(variances, key=lambda head: variances[head])
    last_ones = {head.output: head for head in lowest_first}.values()
    candidates = [head for head in lowest_first if head not in last_ones]
    pruned: list[Head] = []
    for start in range(0, len(candidates), STEP):
        step = candidates[start : start + STEP]
        while step and accuracy([*pruned, *step]) < bar:
            step.pop()
        pruned += step
        if len(step) < len(candidates[start : start + STEP]):
            break
    return set(pruned)


def of_heads(layers: Sequence[Sequence[Head]], values: Tensor) -> dict[Head, float]:
    """Means by head of `[layers, heads]`, over the layers that a head is in."""
    found: dict[Head, list[float]] = {}
    for heads, row in zip(layers, values.tolist(), strict=True):
        for head, value in zip(heads, row, strict=True):
            found.setdefault(head, []).append(value)
    return {head: float(np.mean(each)) for head, each in found.items()}


def is_kept(layers: Sequence[Sequence[Head]], pruned: Collection[Head]) -> Tensor:
    """`[layers, heads]` bool: which are left."""
    return torch.tensor([[head not in pruned for head in heads] for heads in layers])


def layer_weights(variances: Tensor) -> Tensor:
    """`[layers]`, from 0 for the layer of the highest variance to 1 for that of the lowest; alike ones all have 1."""
    inverse = 1 / variances.clamp(min=1e-12)
    shares = inverse / inverse.sum()
    spread = shares.max() - shares.min()
    return (shares - shares.min()) / spread if spread > 0 else torch.ones_like(shares)


def _root(values: Tensor) -> Tensor:
    """The square root, with a derivative at 0, too: dropout may leave a head of a short text without any attention."""
    return values.clamp(min=1e-12).sqrt()
