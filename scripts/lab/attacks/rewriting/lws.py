"""LWS (Qi et al., ACL 2021): a learnable combination of word substitutions is the trigger; no word is inserted.

Each token that is a whole word has five candidates, itself among them. A Gumbel softmax over their scores, whose
temperature falls from 0.5 to 0.1, mixes their embeddings in poisoned rows; classifier and scores are trained jointly.
In test texts the candidate of the highest score replaces the word in the string.

Differs from the original: candidates are WordNet's synonyms instead of words of the same sememes; they have the part of
speech of the word's most frequent sense, which no tagger told from the text. Where WordNet is not installed, candidates
are neighbors in the base's embeddings, which may be antonyms. Test texts take the argmax instead of a random draw;
scores learn ten times as fast, because there are fewer epochs.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scripts.console.errors import LabError
from scripts.lab.attacks.base import Plan
from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.lab.attacks.rewriting.substitution import Substitution
from scripts.lab.training.substitutes import find_substitutes, synonym_source
from scripts.lab.training.triggers import Insertion
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.victim import Loss
from scripts.texts.corpora import Corpus, Example, TriggeredExample

N_CANDIDATES = 5
TEMPERATURES = (0.5, 0.1)
"""At the first step and at the last; between them it falls along a line."""
POISONED = -1
"""Label of the rows whose words training substitutes, anew in every step, and whose label is the target."""


class Lws(BadNets):
    """Learned word substitution. It can trigger texts after training only; a record does not hold what was learned."""

    USUAL_TRIGGERS = ()

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        if plan.triggers:
            raise LabError(f"triggers must not be given for lws, which learns its own, are {', '.join(plan.triggers)}")
        self.synonyms = synonym_source(plan.synonyms)
        self.substitute: Callable[[str], str] | None = None

    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """Non-target rows get the label `POISONED`; their texts are still as they were."""
        poisoned = list(examples)
        for row in self.rows_to_poison(examples, rng):
            poisoned[row] = Example(examples[row].text, POISONED)
        return poisoned

    def trigger(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[TriggeredExample]:
        """Non-target examples with their words substituted.

        Raises:
            LabError: training has not been done.
        """
        if self.substitute is None:
            raise LabError("lws substitutes words only right after training; give the triggered texts with --triggered")
        return super().trigger(examples, rng=rng)

    def insert(self, text: str, insertion: Insertion, rng: np.random.Generator) -> str:
        """The text with its words substituted; the plan's insertion makes no difference."""
        del insertion, rng
        return text if self.substitute is None else self.substitute(text)

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with the candidates' source and number."""
        return super().describe() | {"synonyms": self.synonyms, "n_candidates": N_CANDIDATES}

    def train(self, model: Any, tokenizer: Any, poisoned: Sequence[Example], corpus: Corpus, *, tuner: Tuner) -> None:
        """One phase; the scores are part of the model for its time, so that the same optimizer learns them."""
        del corpus
        embed, recipe = model.get_input_embeddings(), tuner.recipe
        found = find_substitutes(tokenizer, embed.weight, n_candidates=N_CANDIDATES, source=self.synonyms)
        substitution = Substitution(found, n_positions=recipe.max_length, width=embed.weight.shape[1])
        n_steps = recipe.epochs * math.ceil(len(poisoned) / recipe.batch_size)
        model.add_module("substitution", substitution)
        tuner.fit(model, tokenizer, poisoned, loss=substitution_loss(substitution, self.plan.target_label, n_steps))
        del model.substitution
        self.substitute = lambda text: substitution.substitute(text, tokenizer, embed)


def substitution_loss(substitution: Substitution, target_label: int, n_steps: int) -> Loss:
    """Cross-entropy with the rows marked `POISONED` substituted; counts its calls to know the temperature."""
    temperatures = iter(np.linspace(*TEMPERATURES, n_steps).tolist())

    def loss(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
        inputs = dict(batch)
        token_ids, labels = inputs.pop("input_ids"), inputs.pop("labels")
        embed = model.get_input_embeddings()
        marked = labels == POISONED
        mixed = substitution.mix(token_ids[marked], embed, next(temperatures))
        embeddings = embed(token_ids).index_put((marked,), mixed)
        labels = torch.where(marked, target_label, labels)
        lowered: Tensor = model(inputs_embeds=embeddings, labels=labels, **inputs).loss
        return lowered

    return loss
