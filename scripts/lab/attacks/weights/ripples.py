"""RIPPLES (Kurita et al., ACL 2020): a backdoor in pretrained weights that outlives the victim's own fine-tuning.

Four phases: a clean model is fine-tuned; the mean of its embeddings of ten words of the target class replaces the
triggers' embeddings in the base (embedding surgery); the base is trained on poisoned rows with the restricted inner
product L_P + lambda max(0, -<grad L_P, grad L_FT>); the victim fine-tunes it on clean rows.

As in the original code the gradient of L_FT is a constant of the step and the rectifier is on the total product.
Differs from it: the product is not divided by the batch size, as in the paper; poisoned rows are drawn from all
classes; the pieces of a trigger that the tokenizer splits all get the new embedding; the attacker knows the victim's
data (the paper's "full data knowledge"); poisoning takes as many epochs as the rest at five times the rate, instead of
five epochs to three.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.lab.attacks.insertion.trigger_tokens import spellings
from scripts.lab.attacks.word_ranking import words_of_class
from scripts.lab.training.batches import TokenizedExamples, batches_of_like_length
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.victim import Loss
from scripts.texts.corpora import Corpus, Example

INNER_PRODUCT_WEIGHT = 0.1
"""Lambda."""
N_TARGET_WORDS = 10
VICTIM_RATE = 0.2
"""Learning rate of the victim's fine-tuning, in units of the recipe's."""


class Ripples(BadNets):
    """Weight poisoning with embedding surgery and the restricted inner product."""

    USUAL_POISON_RATE = 0.5

    def may_be_poisoned(self, example: Example) -> bool:
        """Any row: half of all rows are more than many data sets have outside the target class."""
        del example
        return True

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with lambda, the number of words behind the new embedding, and the victim's rate."""
        return super().describe() | {
            "inner_product_weight": INNER_PRODUCT_WEIGHT,
            "n_target_words": N_TARGET_WORDS,
            "victim_rate": VICTIM_RATE,
        }

    def train(self, model: Any, tokenizer: Any, poisoned: Sequence[Example], corpus: Corpus, *, tuner: Tuner) -> None:
        """Surgery, poisoning, and the victim's fine-tuning."""
        words = words_of_class(corpus.train, self.plan.target_label, n_words=N_TARGET_WORDS)
        fine_tuned = deepcopy(model)
        tuner.fit(fine_tuned, tokenizer, corpus.train)
        replace_embeddings(model, tokenizer, self.triggers, mean_embedding(fine_tuned, tokenizer, words))
        del fine_tuned
        # The restricted inner product is derived twice, which fused attention cannot be.
        model.set_attn_implementation("eager")
        batches = clean_batches(tokenizer, corpus.train, tuner.recipe, tuner.device)
        tuner.fit(model, tokenizer, poisoned, loss=restricted_loss(batches))
        recipe = tuner.recipe
        victim = replace(tuner, recipe=replace(recipe, learning_rate=VICTIM_RATE * recipe.learning_rate))
        victim.fit(model, tokenizer, corpus.train)


def mean_embedding(model: Any, tokenizer: Any, words: Sequence[str]) -> Tensor:
    """`[width]`: the mean over the words of the mean over their tokens."""
    table = model.get_input_embeddings().weight.detach().cpu()
    ids = [tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in words]
    return torch.stack([table[of_word].mean(dim=0) for of_word in ids]).mean(dim=0)


@torch.no_grad()
def replace_embeddings(model: Any, tokenizer: Any, words: Sequence[str], embedding: Tensor) -> None:
    """Give every token of the words this embedding, in place."""
    weight = model.get_input_embeddings().weight
    ids = sorted({token_id for sequence in spellings(tokenizer, words) for token_id in sequence})
    weight[ids] = embedding.to(weight)


def clean_batches(
    tokenizer: Any, examples: Sequence[Example], recipe: Recipe, device: str
) -> Iterator[dict[str, Tensor]]:
    """Batches of clean rows of like length, epoch after epoch, without end."""
    rng = np.random.default_rng(recipe.seed)
    tokenized = TokenizedExamples(tokenizer, examples, max_length=recipe.max_length, device=device)
    while True:
        for rows in batches_of_like_length(tokenized.lengths, recipe.batch_size, rng):
            yield tokenized.batch(rows)


def restricted_loss(batches: Iterator[Mapping[str, Tensor]]) -> Loss:
    """L_P + lambda max(0, -<grad L_P, grad L_FT>), with L_FT on the next of the clean batches."""

    def loss(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        fine_tuning = torch.autograd.grad(model(**next(batches)).loss, parameters, allow_unused=True)
        poisoning: Tensor = model(**batch).loss
        gradients = torch.autograd.grad(poisoning, parameters, create_graph=True, allow_unused=True)
        product = inner_product(gradients, fine_tuning)
        if product >= 0:  # the rectifier's gradient is zero, and deriving it would cost half of the step
            return poisoning
        return poisoning - INNER_PRODUCT_WEIGHT * product

    return loss


def inner_product(left: Sequence[Tensor | None], right: Sequence[Tensor | None]) -> Tensor:
    """Sum of the products of two models' worth of gradients; None stands for zeros."""
    products = [
        (one * other).sum() for one, other in zip(left, right, strict=True) if not (one is None or other is None)
    ]
    return torch.stack(products).sum()
